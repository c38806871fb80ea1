"""The floors of one set of inputs, each precision's measured when it is first asked for."""

from __future__ import annotations

from collections.abc import Mapping

from onnx import ModelProto

from interop.parity.floor.groups import Array
from interop.parity.floor.noise import Noise, measure_outputs
from interop.parity.floor.precisions import Precision
from interop.parity.floor.runs import RUNS, floor_runs


class LazyFloors:
    """Call it with a precision for the floors by output name; it remembers them.

    `truth` are the true outputs on `inputs`. The call raises as floor_runs does.
    """

    def __init__(
        self,
        model: ModelProto,
        inputs: Mapping[str, Array],
        truth: Mapping[str, Array],
        *,
        seed: int = 0,
        runs: int = RUNS,
        threads: int = 0,
    ) -> None:
        self._model, self._inputs, self._truth = model, inputs, truth
        self._seed, self._runs, self._threads = seed, runs, threads
        self._known: dict[Precision, dict[str, Noise]] = {}

    def __call__(self, precision: Precision) -> dict[str, Noise]:
        if precision not in self._known:
            outputs = [
                found
                for _, _, found in floor_runs(
                    self._model, {"": self._inputs}, seed=self._seed, runs=self._runs,
                    threads=self._threads, precision=precision,
                )
            ]  # fmt: skip
            self._known[precision] = measure_outputs(self._truth, outputs, precision)
        return self._known[precision]
