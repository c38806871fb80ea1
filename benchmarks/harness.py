"""How far `interop bench` is to be trusted: what measuring costs, and whether its verdicts repeat.

    python benchmarks/harness.py overhead|recorded|repeated [--processes N] [--times N]

overhead: a model of about 1 ms on ONNX Runtime, by the `time` operation of its guest and by a bare loop,
in turns in one process. recorded: one long recording of three equal contenders and of two that have 5 and
10 % more to do; comparisons of five processes each are drawn from it, each with equal contenders dealt
anew. repeated: whole measurements, one after the other. Each writes its part of results/harness.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from interop.backends import Runner, parse
from interop.backends.artifacts import Built
from interop.backends.runner import find_home
from interop.bench.energy import Meters
from interop.bench.intervals import compare, resolution_of
from interop.bench.machine import calibrate, cpu_time, machine, share_of_others, spread
from interop.bench.measure import Contender, Effort, Measured, measure
from interop.bench.samples import Times
from interop.bench.threads import chosen_cpus, confined, thread_variables
from interop.progress import Silent
from interop.workers import Worker
from interop.workers.tensors import write_tensors

RESULTS = Path(__file__).parent / "results" / "harness.json"
GUESTS = str(Path(__file__).parent / "guests")
BACKEND = parse("onnxruntime:cpu")

#: Layers of a perceptron of 256 wide on 16 rows: about 1 ms on one core here. Of the contenders, the
#: second and third have 5 and 10 % more of them, and nothing else.
LAYERS, THREADS = 40, 1
LARGER = {"5 % more": 42, "10 % more": 44}

#: Processes of each contender in a comparison, as `interop bench` has them unasked.
PROCESSES = 5

#: Runs in a block of the overhead's comparison.
RUNS = 5


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=list(PARTS))
    parser.add_argument("--processes", type=int, default=24, help="of the recording")
    parser.add_argument(
        "--times", type=int, default=10, help="repeated, or drawn from the recording"
    )
    options = parser.parse_args()
    here, before, start = machine(), cpu_time(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        found = PARTS[options.part](Path(folder), options)
    found["machine"] = {
        **here.to_json(),
        "share_of_others": share_of_others(before, cpu_time()),
        "calibration_spread": spread(calibrate()),
    }
    found["took_seconds"] = time.perf_counter() - start
    RESULTS.parent.mkdir(exist_ok=True)
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps({**known, options.part: found}, indent=1) + "\n")
    print(json.dumps(found, indent=1))


def overhead(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The `time` operation against a bare loop: pairs of short blocks, in turns, so that most of them
    are over before a neighbour is let in."""
    model, inputs = write_model(folder, LAYERS), write_inputs(folder)
    by_guest, by_loop, besides = [], [], []
    with Worker(
        sys.executable, "bare_loop", label="loop", timeout=60, search_path=[GUESTS],
        environment=thread_variables(THREADS),
    ) as worker:  # fmt: skip
        worker.call("load", path=model)
        for number in range(-5, 100 * options.times):
            block: dict[str, Any] = {"inputs": inputs, "runs": RUNS, "warmup": 1}
            for turn in np.random.default_rng(number + 5).permutation(2):
                if turn:
                    loop = worker.call("bare", **block)["seconds"]
                else:
                    start = time.perf_counter()
                    seconds = worker.call("time", **block)["seconds"]
                    wall = time.perf_counter() - start
            if number >= 0:
                by_loop.append((loop,))
                by_guest.append((float(np.mean(seconds)),))
                besides.append(wall - (RUNS + 1) * float(np.mean(seconds)))
    loop_times = Times.of([by_loop])
    return {
        "loop_ms": float(np.median(loop_times.pooled()) * 1e3),
        "pairs": len(by_loop),
        "reported_over_loop": compare(loop_times, Times.of([by_guest])).to_json(),
        "ms_beside_the_runs_of_a_block": float(np.median(besides) * 1e3),
    }


def recorded(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Verdicts on comparisons drawn from one long recording."""
    effort = Effort(options.processes, 0.4 * options.processes)
    times = contenders_timed(folder, ["A", "B", "C"], effort, list(LARGER))
    rng, verdicts, widths = np.random.default_rng(0), {}, {}
    for other in ("itself", *LARGER):
        seen, half = Counter[str](), []
        for _ in range(100 * options.times):
            drawn = rng.choice(options.processes, PROCESSES, replace=False)
            equal = [rng.permutation(["A", "B", "C"]) for _ in drawn]
            first, null, third = (
                Times.of(
                    [times[names[k]].seconds[p] for p, names in zip(drawn, equal, strict=True)]
                )
                for k in range(3)
            )
            second = third
            if other in LARGER:
                second = Times.of([times[other].seconds[p] for p in drawn])
            found = compare(first, second, resolution=resolution_of(compare(first, null)))
            seen[found.verdict] += 1
            half.append(np.log(found.high / found.low) / 2)
        verdicts[other], widths[other] = dict(seen), float(np.median(half))
    medians = {n: float(np.median(t.pooled()) * 1e3) for n, t in times.items()}
    return {"processes": options.processes, "of_which_each_comparison_has": PROCESSES,
            "medians_ms": medians, "verdicts_against": verdicts, "half_width": widths}  # fmt: skip


def repeated(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Verdicts of whole measurements, one after the other, each with fresh processes."""
    seen: dict[str, Counter[str]] = {name: Counter() for name in ("itself", *LARGER)}
    ratios: dict[str, list[float]] = {name: [] for name in seen}
    for number in range(options.times):
        effort = Effort(PROCESSES, 2.0, seed=number)
        times = contenders_timed(folder, ["A", "again", "itself"], effort, list(LARGER))
        limit = resolution_of(compare(times["A"], times["again"]))
        for name in seen:
            found = compare(times["A"], times[name], resolution=limit)
            seen[name][found.verdict] += 1
            ratios[name].append(round(found.ratio, 4))
        print(number, {name: dict(count) for name, count in seen.items()}, file=sys.stderr)
    return {"times": options.times, "processes": PROCESSES,
            "verdicts_against": {name: dict(count) for name, count in seen.items()},
            "ratios": ratios}  # fmt: skip


def contenders_timed(
    folder: Path, equal: list[str], effort: Effort, larger: list[str]
) -> dict[str, Times]:
    """`equal` contenders of one model, and `larger` ones, timed side by side as `interop bench` does."""
    layers = {**dict.fromkeys(equal, LAYERS), **{name: LARGER[name] for name in larger}}
    contenders = {
        name: Contender(partial(open_runner, folder), Built(Path(write_model(folder, count)), None))
        for name, count in layers.items()
    }
    found = measure(contenders, write_inputs(folder), effort, Meters((), ()))
    times = {}
    for name, one in found.items():
        if not isinstance(one, Measured):
            raise one
        times[name] = one.times
    return times


def open_runner(folder: Path) -> Runner:
    home = find_home(BACKEND, Silent())
    with confined(chosen_cpus(THREADS)):
        return Runner(BACKEND, home, 60.0, Silent(), folder, variables=thread_variables(THREADS))


def write_model(folder: Path, layers: int) -> str:
    """A perceptron of `layers` layers, 256 wide; its path."""
    path = folder / f"perceptron-{layers}.onnx"
    rng, nodes, weights, last = np.random.default_rng(0), [], [], "x"
    for index in range(layers):
        weight = rng.standard_normal((256, 256)).astype(np.float32) * np.float32(0.09)
        weights.append(numpy_helper.from_array(weight, f"w{index}"))
        nodes.append(helper.make_node("MatMul", [last, f"w{index}"], [f"m{index}"]))
        nodes.append(helper.make_node("Relu", [f"m{index}"], [last := f"r{index}"]))
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [16, 256]) for n in ("x", last)]
    graph = helper.make_graph(nodes, "perceptron", ends[:1], ends[1:], weights)
    opset = helper.make_opsetid("", 20)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=10), path)
    return str(path)


def write_inputs(folder: Path) -> str:
    x = np.random.default_rng(0).standard_normal((16, 256)).astype(np.float32)
    write_tensors(folder / "in", {"x": x})
    return str(folder / "in")


PARTS = {"overhead": overhead, "recorded": recorded, "repeated": repeated}

if __name__ == "__main__":
    main()
