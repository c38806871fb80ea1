"""The proof of a conversion: source and artifact each against the truth, and against each other.

The truth is that of the ONNX graph between them, so that a fault of the export hop (the source
does not compute what its ONNX does) and one of the import hop (the artifact does not) have each
their own bits. The two compared directly close the circle: they may differ by the floor times
the square root of 2, both being rounded; or by the coarser floor, where they round differently.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from interop.parity.floor.groups import Array
from interop.parity.floor.noise import Noise
from interop.parity.verdict.compare import Floors, OutputParity, Verdict, compare_outputs


@dataclass(frozen=True)
class OutputProof:
    """One output on one input set: what each hop, and the whole way, kept of it."""

    name: str
    inputs: str  # label of the input set
    source: OutputParity  # source against truth: the export hop
    artifact: OutputParity  # artifact against truth: the import hop
    direct: OutputParity  # artifact against source: the whole way
    noise: Noise | None

    @property
    def worst(self) -> OutputParity:
        return max(self.source, self.artifact, self.direct, key=_badness)

    @property
    def hop(self) -> str:
        """Which hop the worst comparison speaks of: export, import, both or none."""
        blamed = [
            hop
            for hop, parity in (("export", self.source), ("import", self.artifact))
            if not parity.verdict.passes
        ]
        return {0: "none", 1: blamed[0] if blamed else "", 2: "both"}[len(blamed)]

    def to_json(self) -> dict[str, Any]:
        return {
            "output": self.name,
            "inputs": self.inputs,
            "verdict": self.worst.verdict.word,
            "effective_bits": self.worst.effective_bits,
            "hop": self.hop,
            "source": self.source.to_json(),
            "artifact": self.artifact.to_json(),
            "direct": self.direct.to_json(),
            "floor": self.noise.to_json() if self.noise else None,
        }


def _badness(parity: OutputParity) -> tuple[Verdict, float, float]:
    """Of two that pass, that in fewer bits says more, though it may have lost fewer."""
    left = parity.bits if parity.effective_bits is None else parity.effective_bits
    return parity.verdict, -left, parity.lost


def prove(
    label: str,
    truth: Mapping[str, Array],
    source: Mapping[str, Array],
    artifact: Mapping[str, Array],
    noise: Mapping[str, Noise],
    *,
    artifact_noise: Mapping[str, Noise] | None = None,
    floors: Floors | None = None,
) -> tuple[OutputProof, ...]:
    """Every output of one input set. All mappings are by output name.

    `artifact_noise` is the floor of the precision that the artifact computes in, where that is not
    `noise`, the source's. `floors` is as in compare_outputs. An output that only source or
    artifact has is a row, too, and not comparable.
    """
    coarser = noise if artifact_noise is None else artifact_noise
    by_source = {p.name: p for p in compare_outputs(truth, source, noise, floors=floors)}
    by_artifact = {p.name: p for p in compare_outputs(truth, artifact, coarser, floors=floors)}
    scale = math.sqrt(2) if artifact_noise is None else 1.0
    direct = {p.name: p for p in abreast(source, artifact, coarser, scale=scale)}
    names = dict.fromkeys([*truth, *by_source, *by_artifact])
    missing = "one side has no such output"
    return tuple(
        OutputProof(
            name,
            label,
            by_source.get(name, OutputParity(name, Verdict.NOT_COMPARABLE, missing)),
            by_artifact.get(name, OutputParity(name, Verdict.NOT_COMPARABLE, missing)),
            direct.get(name, OutputParity(name, Verdict.NOT_COMPARABLE, missing)),
            noise.get(name),
        )
        for name in names
    )


def abreast(
    first: Mapping[str, Array],
    second: Mapping[str, Array],
    noise: Mapping[str, Noise],
    *,
    scale: float = math.sqrt(2),
) -> tuple[OutputParity, ...]:
    """Two runs against each other, both rounded (`scale` 1: the second alone, as good as); what
    `noise` has no floor for is left out."""
    known = {
        name: array.astype(np.float64) if noise[name].levels else array
        for name, array in first.items()
        if name in noise
    }
    paired = {name: array for name, array in second.items() if name in noise}
    return compare_outputs(known, paired, noise, scale=scale) if known else ()
