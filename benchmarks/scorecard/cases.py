"""Which cases there are: faults at sites drawn by seed, and faithful variants."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto

from scorecard.executors import BACKENDS, settings
from scorecard.mutators import MUTATORS, sites
from scorecard.rewrites import REWRITES
from scorecard.subjects import Subject


@dataclass(frozen=True)
class Case:
    """kind: "mutant" (a mutator's name, and where it sits), or one of the faithful kinds: "setting"
    of ONNX Runtime, "rewrite" (run as usual, or at the level of optimisation that `site` names),
    "backend"."""

    kind: str
    name: str
    site: str = ""

    @property
    def faithful(self) -> bool:
        return self.kind != "mutant"


def plan(subject: Subject, model: ModelProto, seed: int) -> tuple[Case, ...]:
    """All the cases of a subject; those that start another process come last."""
    mutants = [
        Case("mutant", name, site)
        for name, mutator in MUTATORS.items()
        for site in _some(sites(mutator, model), subject, name, seed)
    ]
    return (
        *mutants,
        *(Case("setting", str(setting)) for setting in settings()),
        *(Case("rewrite", row.name, level) for row in REWRITES for level in ("", "DISABLE_ALL")),
        *(Case("backend", name) for name in BACKENDS),
    )


def _some(found: tuple[str, ...], subject: Subject, mutator: str, seed: int) -> list[str]:
    """At most `subject.sites` of them, in the model's order."""
    rng = np.random.default_rng([seed, zlib.crc32(f"{subject.name}/{mutator}".encode())])
    count = min(subject.sites, len(found))
    return [found[i] for i in sorted(rng.choice(len(found), count, replace=False))] if found else []
