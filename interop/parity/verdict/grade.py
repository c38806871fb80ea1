"""From figures to a grade that a person understands: a table of rules, the worst output decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from interop.errors import ParityFailed
from interop.parity.floor.precisions import FLOAT32
from interop.parity.verdict.compare import OutputParity, Verdict


class Proof(Protocol):
    """One output on one set of inputs, as an OutputProof has it: its worst comparison counts."""

    @property
    def name(self) -> str: ...
    @property
    def inputs(self) -> str: ...
    @property
    def worst(self) -> OutputParity: ...
    @property
    def hop(self) -> str: ...


@dataclass(frozen=True)
class Rule:
    """A grade is given for at least `bits` effective bits of float32's 24, in the worst output. Of
    another precision's: one that passes may lose as many as here, one that does not keeps the
    same share."""

    letter: str
    bits: float
    passes: bool
    sentence: str

    def given(self, parity: OutputParity) -> bool:
        if self.passes:
            return parity.lost <= FLOAT32.bits - self.bits
        return parity.lost <= (1 - self.bits / FLOAT32.bits) * parity.bits

    def to_json(self) -> dict[str, Any]:
        return {"letter": self.letter, "minimum_effective_bits": self.bits, "passes": self.passes}


#: Best first. 22 bits: within 4 times what rounding alone does; 21: within 8 times. Chosen by
#: measurement on four small networks (convolution, MLP, LSTM, attention) at four scales: of 720
#: faithful runs in other frameworks (PyTorch, TensorFlow, XLA) half are below 1.0, 99 % below 1.9
#: and all below 3.4 times; of 18 planted faults the smallest (a layer-norm epsilon of 1e-6 for
#: 1e-5, once) stands at 14 times, a weight through float16 at 470 to 810.
RULES = (
    Rule("A", 22.0, True, "It computes the same function: what differs is rounding."),
    Rule("B", 21.0, True, "It computes the same function, and rounds a little more coarsely."),
    Rule(
        "C", 11.0, False,
        "It is close, but not the same float32 function: the difference is that of float16 or "
        "TF32 somewhere inside, or of a small constant (an epsilon, say) that is not the same.",
    ),
    Rule("F", 0.0, False, "It does not compute the same function."),
)  # fmt: skip

#: Best first.
LETTERS = tuple(rule.letter for rule in RULES)


def rank(letter: str | None) -> int:
    """0 for the best; having no grade is behind the worst."""
    return len(LETTERS) if letter is None else LETTERS.index(letter)


@dataclass(frozen=True)
class Grade:
    """The verdict on a conversion, with the rule and the output that gave it."""

    letter: str
    passes: bool
    verdict: Verdict
    effective_bits: float | None
    output: str
    inputs: str
    hop: str
    rule: Rule
    sentence: str

    def to_json(self) -> dict[str, Any]:
        return {
            "letter": self.letter,
            "passes": self.passes,
            "verdict": self.verdict.word,
            "effective_bits": self.effective_bits,
            "output": self.output,
            "inputs": self.inputs,
            "hop": self.hop,
            "rule": self.rule.to_json(),
            "sentence": self.sentence,
        }


def grade(proofs: Sequence[Proof]) -> Grade:
    """The grade of the worst of `proofs` (all outputs on all input sets).

    An unstable output passes, with B at best. Raises ParityFailed where there is no proof at all.
    """
    if not proofs:
        raise ParityFailed(
            "nothing was compared, so nothing is proved",
            hint="At least one input set and one output are needed.",
        )
    worst = max(proofs, key=lambda proof: (proof.worst.verdict, proof.worst.lost))
    parity = worst.worst
    rule = _rule(parity)
    sentence = f"{rule.sentence} Worst: output {worst.name!r} on {worst.inputs}: {parity.reason}."
    if parity.verdict is Verdict.UNSTABLE:
        sentence = f"Rounding alone decides part of output {worst.name!r}: {parity.reason}."
    if parity.effective_bits is not None and not rule.passes:
        sentence += f" {parity.effective_bits:.1f} of {parity.bits:.3g} bits are left."
    if worst.hop in ("export", "import"):
        sentence += f" The {worst.hop} hop is at fault."
    return Grade(
        rule.letter, rule.passes, parity.verdict, parity.effective_bits,
        worst.name, worst.inputs, worst.hop, rule, sentence,
    )  # fmt: skip


def _rule(parity: OutputParity) -> Rule:
    if parity.verdict is Verdict.NOT_COMPARABLE:
        return RULES[-1]
    if parity.verdict is Verdict.UNSTABLE:
        return RULES[1]
    candidates = [rule for rule in RULES if rule.passes == parity.verdict.passes]
    return next((rule for rule in candidates if rule.given(parity)), candidates[-1])
