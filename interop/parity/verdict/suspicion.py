"""Is an error within the margin of rounding what a wrong constant does?

Rounding is random, and a wrong constant moves every output on every input along its own direction
(floor/constants.py). So the error, all outputs on all sets of inputs together, is projected on each
direction: c = <e, d> / <d, d> is the change of the constant that explains it best. Runs that only
round give the standard error of c; that of an artifact which rounds more coarsely is larger in
proportion, by the rms of what c leaves unexplained. Of the constants whose c is many standard errors
from none, and leaves them their sign, the one that explains most of the error's power counts; it is
called a fault where c is as large as a fault is (half an epsilon, the sixth digit of a factor).
Neither would do alone: a coarser exp moves along some direction, a little; and by chance an error
seems a large change of a constant that hardly matters.

With 32 runs, five standard errors are passed by chance once in 50,000 (Student's t, both sides).
Measured on four models of the scorecard, quick inputs: 182 faithful runs of ONNX Runtime reach 3.9 at
most, with the constant that suits them best; epsilons a tenth of what they should be, or outside the
root, stand at 5.2 to 815, though some of them err no more than 2.8 times what rounding does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interop.parity.floor.constants import Constant, Directions
from interop.parity.sampled import Array
from interop.parity.verdict.compare import OutputParity, Verdict

#: Errors up to this multiple of the floor are rounding, and no constant is looked for.
UNREMARKABLE = 1.5

STANDARD_ERRORS = 5.0


@dataclass(frozen=True)
class Suspicion:
    """A constant whose `change` (in its own unit) is `errors` standard errors from none, and
    explains `share` of the power of the error."""

    constant: Constant
    change: float
    errors: float
    share: float

    @property
    def words(self) -> str:
        return (
            f"by {self.errors:.0f} standard errors its error is what "
            f"{self.constant.words(self.change)} does"
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "node": self.constant.node,
            "what": self.constant.what,
            "value": self.constant.value,
            "change": self.change,
            "standard_errors": self.errors,
            "share": self.share,
            "words": self.words,
        }


def suspects(parities: Sequence[OutputParity]) -> bool:
    """Whether an error of this size, on all outputs and sets of inputs, is to be looked into: it
    passes, and is more than rounding usually does."""
    sizes = [one.multiple.worst for one in parities if one.multiple is not None]
    passes = all(one.verdict.passes for one in parities)
    return passes and max(sizes, default=0.0) > UNREMARKABLE


def blamed(words: str, parities: Sequence[OutputParity]) -> OutputParity:
    """The verdict on a side that is under suspicion, in these words: that on its worst output."""
    worst = max(parities, key=lambda one: (one.verdict, one.lost))
    return dataclasses.replace(worst, verdict=Verdict.REDUCED_PRECISION, reason=words)


def suspicion(known: Directions, outputs: Sequence[Mapping[str, Array]]) -> Suspicion | None:
    """The constant that explains most of the error of `outputs` (a mapping a set of inputs), if it
    does so beyond doubt, and is wrong by so much that it is a fault. None, too, where an output is
    not comparable: that is no small fault."""
    picked = {index: known.sample.pick(index, given) for index, given in enumerate(outputs)}
    use = known.sample.weight > 0
    error = (known.sample.error(picked) * known.sample.weight)[use]
    if not np.isfinite(error).all():
        return None
    moves, scatter = known.moves[:, use], known.scatter[:, use]
    lengths = np.sum(np.square(moves), axis=1)
    changes = moves @ error / lengths
    standard = np.sqrt(np.mean(np.square(moves @ scatter.T / lengths[:, None]), axis=1))
    rest = np.mean(np.square(error[None, :] - changes[:, None] * moves), axis=1)
    errors = np.abs(changes) / (standard * np.sqrt(np.maximum(rest, 1.0)))
    share = np.square(changes) * lengths / max(float(np.sum(np.square(error))), 1e-300)
    signed = changes + 1 >= -STANDARD_ERRORS * np.abs(changes) / np.maximum(errors, 1e-300)
    explains = np.where((errors >= STANDARD_ERRORS) & signed, share, 0.0)
    best = int(np.argmax(explains))  # constants whose directions are alike are told apart so
    found = Suspicion(
        known.constants[best], float(changes[best]), float(errors[best]), float(share[best])
    )
    return found if explains[best] and abs(found.change) >= found.constant.least else None
