"""Floors of narrower precisions, run by the checker when the first comparison asks for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interop.parity.floor.noise import Noise, measure_outputs
from interop.parity.floor.precisions import Precision
from interop.workers import Worker
from interop.workers.tensors import read_tensors

if TYPE_CHECKING:
    from interop.proof import Plan

#: Perturbed runs that a noise floor is taken from.
FLOOR_RUNS = 4


class Floors:
    """Runs of each precision are made once, for all sets of inputs, and lie on disk."""

    def __init__(self, plan: Plan, checker: Worker, seed: int) -> None:
        self._plan, self._checker, self._seed = plan, checker, seed
        self._done: set[str] = set()

    def measure(
        self, precision: Precision, index: int, truth: Mapping[str, Any]
    ) -> dict[str, Noise]:
        """The floors on one set of inputs, by output. Raises as floor_runs does."""
        folders = self._plan.outputs(f"floor-{precision.name}")
        if precision.name not in self._done:
            self._checker.call(
                "floor_runs", model=str(self._plan.canonical), inputs=self._plan.inputs(),
                outputs=folders, seed=self._seed, runs=FLOOR_RUNS, precision=precision.name,
            )  # fmt: skip
            self._done.add(precision.name)
        runs = [read_tensors(Path(folders[index], str(run))) for run in range(FLOOR_RUNS + 1)]
        return measure_outputs(truth, runs, precision)

    def suspicions(self, sides: Sequence[Sequence[str]]) -> list[dict[str, Any] | None]:
        """For each side, of which the folders of outputs are given, the constant that explains its
        error, if one does. Raises as floor_runs does."""
        if not sides:
            return []
        answer = self._checker.call(
            "suspicions", model=str(self._plan.canonical), inputs=self._plan.inputs(),
            truth=self._plan.outputs("truth"), outputs=[list(side) for side in sides],
            seed=self._seed,
        )  # fmt: skip
        found: list[dict[str, Any] | None] = answer["found"]
        return found
