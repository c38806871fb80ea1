"""The ONNX guest: runs .onnx files on ONNX Runtime, and gives their truth and their noise.

`load`, `run` and `time` are those of ONNX Runtime's own guest; `truth`, `floor_runs` and `suspicions`
are this one's alone. A folder of inputs or outputs is one set of tensors (interop.workers.tensors).
"""

from __future__ import annotations

import gc
import time as clock
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
from interop.converters.onnxruntime.guest import load, run, time

from interop.parity.floor import runs as floor
from interop.parity.floor.constants import directions
from interop.parity.floor.noise import disputed, measure_outputs
from interop.parity.floor.precisions import FLOAT32, precision_named
from interop.parity.floor.session import Session
from interop.parity.floor.sigmoids import write_sigmoids_out
from interop.parity.mapped import load_mapped
from interop.parity.truth.evaluator import Truth
from interop.parity.verdict.elements import flatten
from interop.parity.verdict.suspicion import suspicion
from interop.workers.tensors import read_tensors, write_tensors

#: Perturbed runs before a floor is called disputed: five that agree by chance come once in sixteen.
MORE_RUNS = 16

#: Perturbed runs of a heavy model that are enough where all agree: in no output and on no set of inputs
#: is the rms of one further than this factor from that of all. Multiples of such a floor are 1.0 to
#: 1.12 times those of four perturbed runs (faithful runs of five models).
FEW_RUNS, AGREE = 2, 1.3


def truth(model: str, inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    """The float64 outputs of the canonical `model` for each folder of inputs; `written_out` names nodes
    that were evaluated as simpler operators."""
    evaluator = Truth(load_mapped(model))
    seconds = []
    for source, target in zip(inputs, outputs, strict=True):
        start = clock.perf_counter()
        write_tensors(target, evaluator.run(read_tensors(source)))
        seconds.append(clock.perf_counter() - start)
    written_out = list(evaluator.written_out)
    del evaluator
    gc.collect()  # it holds itself in a circle, and with it the weights
    return {"seconds": seconds, "written_out": written_out}


def floor_runs(
    model: str,
    inputs: list[str],
    outputs: list[str],
    seed: int = 0,
    runs: int = floor.RUNS,
    precision: str = "float32",
    truth: Sequence[str] = (),
) -> dict[str, Any]:
    """Runs with perturbed weights and inputs, in float32 or rounded as `precision` rounds:
    outputs/<n>/0 is the plain run of the set, outputs/<n>/1 and on are the perturbed ones.

    truth: folders of the true outputs. With it, a few runs of a heavy model are enough where they
    agree; and where the runs are all on one side of it, which a few may be by chance where the graph
    rounds inside, there are more of them. Where these are, too, Sigmoid may be why (sigmoids.py).
    """
    graph, row = load_mapped(model), precision_named(precision)
    sets = {folder: read_tensors(folder) for folder in inputs}

    targets = dict(zip(inputs, outputs, strict=True))

    def write(first: int, last: int) -> None:
        for number, folder, results in floor.floor_runs(
            graph, sets, seed=seed, runs=last, first=first, precision=row
        ):
            write_tensors(Path(targets[folder]) / str(number), results)

    few = min(FEW_RUNS, runs) if truth and row == FLOAT32 and floor.heavy(graph) else runs
    write(0, few)
    if few < runs and all(_agree(*pair, few) for pair in zip(truth, outputs, strict=True)):
        return {"runs": few + 1}
    if few < runs:
        write(few + 1, runs)
    if any(_disputed(*pair, runs) for pair in zip(truth, outputs, strict=False)):
        write(runs + 1, MORE_RUNS)
        runs = max(runs, MORE_RUNS)
        still = any(_disputed(*pair, runs) for pair in zip(truth, outputs, strict=True))
        if still and write_sigmoids_out(graph):
            write(0, runs)
            return {"runs": runs + 1, "sigmoids_written_out": True}
    return {"runs": runs + 1}


def run_sigmoids_written_out(path: str, inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    """As `run`, of the model in the .onnx file `path`, with Sigmoid by its definition (sigmoids.py)."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(path))
    write_sigmoids_out(graph)
    session = Session(graph)
    for source, target in zip(inputs, outputs, strict=True):
        write_tensors(target, session.run(read_tensors(source)))
    return {}


def _disputed(truth: str, folder: str, runs: int) -> bool:
    return disputed(read_tensors(truth), _given(folder, runs))


def _agree(truth: str, folder: str, runs: int) -> bool:
    """Whether these runs say the same of every output's floor. Not of integers, nor of what is not
    finite everywhere: what rounding flips shows in many runs only."""
    floors = measure_outputs(read_tensors(truth), _given(folder, runs)).values()
    return all(
        one.levels
        and not one.shaky.any()
        and not one.disputed
        and one.spread[0] * AGREE >= 1
        and one.spread[1] <= AGREE
        for one in floors
    )


def _given(folder: str, runs: int) -> list[dict[str, Any]]:
    return [read_tensors(Path(folder) / str(number)) for number in range(runs + 1)]


def suspicions(
    model: str, inputs: list[str], truth: list[str], outputs: list[list[str]], seed: int = 0
) -> dict[str, Any]:
    """Which constant of `model`, if any, explains the errors of each side (a list of its folders of
    outputs, one a set of inputs): `found` has a Suspicion or None for each."""
    known = directions(
        load_mapped(model), [read_tensors(one) for one in inputs],
        [flatten(read_tensors(one)) for one in truth], seed=seed,
    )  # fmt: skip
    if known is None:
        return {"found": [None] * len(outputs)}
    found = [suspicion(known, [flatten(read_tensors(one)) for one in side]) for side in outputs]
    return {"found": [one and one.to_json() for one in found]}


OPERATIONS = {
    "load": load,
    "run": run,
    "time": time,
    "truth": truth,
    "floor_runs": floor_runs,
    "run_sigmoids_written_out": run_sigmoids_written_out,
    "suspicions": suspicions,
}
