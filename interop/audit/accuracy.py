"""How often a backend, or the model in fewer bits, is right, where the user says what that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interop.checks.labels import Labels
from interop.errors import UsageError
from interop.parity.verdict.tasks import Decisions, classified, decided
from interop.proof import Plan
from interop.workers.tensors import read_tensors


@dataclass(frozen=True)
class Accuracy:
    """Of one output, the one that loses most. right, f1: the shares; of_truth: what the float64 truth is
    right in; other: in how many of `rows` it chooses otherwise than that. `problem` says why there is
    nothing to tell, or is empty."""

    output: str
    rows: int
    right: float | None
    f1: float | None
    of_truth: float | None
    other: int | None
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


def accuracy(plan: Plan, labels: Labels, outputs: Sequence[str]) -> Accuracy:
    """Of what lies in the folders `outputs`, one a set of `plan`, whose truth is there already.

    Scores are decided by the highest one, class numbers as they are.
    """
    made: dict[str, list[Decisions]] = {}
    for index, (folder, true) in enumerate(zip(outputs, plan.outputs("truth"), strict=True)):
        given, truth = read_tensors(folder), read_tensors(true)
        try:
            for name, parts in labels.by_output.items():
                made.setdefault(name, []).append(_decided(name, parts[index], truth, given))
        except UsageError as error:
            return Accuracy("", 0, None, None, None, None, error.message)
    found = [_of(name, parts) for name, parts in made.items()]
    return max(found, key=lambda one: (one.of_truth or 0) - (one.right or 0))


def _decided(
    name: str, labels: np.ndarray[Any, Any], truth: Mapping[str, Any], given: Mapping[str, Any]
) -> Decisions:
    if name not in given:
        raise UsageError(f"output {name!r} is missing")
    return decided(labels, truth[name], given[name])


def _of(name: str, parts: Sequence[Decisions]) -> Accuracy:
    found, rows = classified(parts), sum(one.labels.size for one in parts)
    return Accuracy(
        name, rows, found.artifact.accuracy, found.artifact.f1, found.source.accuracy, found.flips
    )
