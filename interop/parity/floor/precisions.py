"""The precisions that a backend may compute in, and what there is to know of each.

A run is graded against the floor of the precision that it is declared to be in: float16 has 11
bits, and a faithful float16 run keeps them all.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from interop.errors import UsageError


class Rounds(enum.Enum):
    """What a precision rounds, beside the sums of float32."""

    NOTHING = "nothing"
    RESULTS = "every tensor: weights, inputs, and what each operator gives"
    OPERANDS = "what goes into a matrix product or a convolution"


@dataclass(frozen=True)
class Precision:
    """`bits` that a number has; `measured` says that these are but the most there can be, and that
    an output has those that its floor leaves (an integer grid loses what the range of the data
    costs). A faithful run keeps all but `slack` bits of what there is. `storage` are the dtypes
    that a float32 output may come in. `largest`, of a grid that is scaled to its data: its last
    number."""

    name: str
    short: str
    bits: float
    slack: float
    rounds: Rounds
    storage: tuple[str, ...]
    words: str  # follows "consistent with"
    measured: bool = False
    largest: float | None = None

    @property
    def half_unit(self) -> float:
        """Half a unit in the last place of an output, relative to it."""
        return 2.0 ** -((self.bits if self.rounds is Rounds.RESULTS else 24.0) + 1)


FLOAT32 = Precision("float32", "fp32", 24.0, 3.0, Rounds.NOTHING, ("float32",), "float32")
TF32 = Precision("tf32", "tf32", 11.0, 2.0, Rounds.OPERANDS, ("float32",), "products in TF32")
FLOAT16 = Precision(
    "float16", "fp16", 11.0, 2.0, Rounds.RESULTS, ("float32", "float16"), "float16 throughout"
)
BFLOAT16 = Precision(
    "bfloat16", "bf16", 8.0, 2.0, Rounds.RESULTS, ("float32", "bfloat16"), "bfloat16 throughout"
)
INT8 = Precision(
    "int8", "int8", 8.0, 3.0, Rounds.OPERANDS, ("float32",), "products in int8", measured=True,
    largest=127.0,
)  # fmt: skip
#: E4M3 without infinities (Micikevicius et al., FP8 formats for deep learning, 2022).
FLOAT8 = Precision(
    "float8", "fp8", 4.0, 2.0, Rounds.OPERANDS, ("float32",), "products in float8", measured=True,
    largest=448.0,
)  # fmt: skip

#: From fine to coarse.
PRECISIONS = (FLOAT32, TF32, FLOAT16, BFLOAT16, INT8, FLOAT8)

#: Those that a run may be in though nobody asked for it.
UNASKED = (TF32, FLOAT16, BFLOAT16, INT8)


def precision_named(text: str) -> Precision:
    """The row of a name, long or short. Raises UsageError naming what there is."""
    for precision in PRECISIONS:
        if text.lower() in (precision.name, precision.short):
            return precision
    raise UsageError(
        f"there is no precision {text!r}",
        hint="Known: " + ", ".join(f"{p.name} ({p.short})" for p in PRECISIONS) + ".",
    )
