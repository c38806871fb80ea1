"""ONNX file → artifact, without the parity check: seconds and peak memory of each process.

    python benchmarks/convert_only.py model.onnx [--to tensorflow] [--rounds 3] [--peer PYTHON]

Peer (for TensorFlow): onnx2tf on the same file. PYTHON is an interpreter that has onnx2tf and
TensorFlow. Every figure is of whole processes, imports included; contenders take turns. Memory is
beside the floor: a model of one operator. Prints Markdown.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from interop.frameworks import find

OURS = """
import sys
from pathlib import Path
from interop.environments import provide
from interop.frameworks import FRAMEWORKS
from interop.graph.canonical import canonicalize
from interop.targets import build, lower
from interop.workers import Worker
model, framework, folder = sys.argv[1:]
interpreter = provide(framework).interpreter
with Worker(interpreter, FRAMEWORKS[framework].guest, label=framework, timeout=1800) as worker:
    target = lower(canonicalize(Path(model)), framework, Path(folder))
    build(target, worker, "float32", [])
    print(worker.peak_memory)
"""


def ours(model: Path, framework: str, folder: str) -> list[str]:
    return [sys.executable, "-P", "-c", OURS, str(model), framework, folder]


def children_peak(command: list[str]) -> tuple[float, str]:
    """Seconds of a whole process, and what it printed last; its failure is ours."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[:3]} failed: {done.stderr[-800:]}")
    return time.perf_counter() - start, done.stdout.strip().rpartition("\n")[2]


def smallest(path: Path) -> Path:
    """A model of one operator: what a framework needs to build anything at all."""
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", 4]) for n in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "smallest", [x], [y])
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--to", default="tensorflow")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer")
    options = parser.parse_args()
    framework = find(options.to).name
    seconds: dict[str, list[float]] = defaultdict(list)
    memory: dict[str, list[int]] = defaultdict(list)
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            took, printed = children_peak(ours(options.model, framework, folder))
            seconds["interop"].append(took)
            memory[f"interop's {framework} worker"].append(int(printed))
            if options.peer:
                peer = [options.peer, "-m", "onnx2tf", "-i", str(options.model), "-fdosm", "-o"]
                took, _ = children_peak([*peer, f"{folder}/peer"])
                seconds["onnx2tf"].append(took)
    with tempfile.TemporaryDirectory() as folder:
        tiny = smallest(Path(folder) / "smallest.onnx")
        floor = int(children_peak(ours(tiny, framework, folder))[1])
    print("| | seconds, median (min to max) |\n|---|---|")
    for name, values in seconds.items():
        spread = f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"
        print(f"| {name} | {spread} |")
    weights = options.model.stat().st_size
    print("\n| | peak MB | over the floor, in weights |\n|---|---|---|")
    print(f"| floor: a model of one operator | {floor / 1e6:.0f} | |")
    for name, peaks in memory.items():
        peak = max(peaks)
        print(f"| {name} | {peak / 1e6:.0f} | {(peak - floor) / weights:.2f} |")


if __name__ == "__main__":
    main()
