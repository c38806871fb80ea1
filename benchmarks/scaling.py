"""How the cost of a conversion grows with the number of nodes.

    python benchmarks/scaling.py [--to tensorflow] [--nodes 100 500 2000 5000 20000]

Synthetic chains of MatMul, Relu, Add and Tanh with skip connections, small weights, dynamic batch.
Columns: canonical form, lowering to source, the framework's own build. Seconds and, in the last
column, milliseconds a node. Prints Markdown.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from interop.environments import provide
from interop.frameworks import FRAMEWORKS, find
from interop.graph.canonical import canonicalize
from interop.targets import build, lower
from interop.workers import Worker

WIDTH = 16


def chain(count: int) -> onnx.ModelProto:
    """A model of `count` nodes: x → tanh(relu(x @ w) + x), again and again."""
    rng = np.random.default_rng(0)
    nodes, weights, last = [], [], "x"
    for index in range(count // 4):
        weight = (rng.standard_normal((WIDTH, WIDTH)) / WIDTH**0.5).astype(np.float32)
        weights.append(numpy_helper.from_array(weight, f"w{index}"))
        nodes += [
            helper.make_node("MatMul", [last, f"w{index}"], [f"a{index}"]),
            helper.make_node("Relu", [f"a{index}"], [f"b{index}"]),
            helper.make_node("Add", [f"b{index}", last], [f"c{index}"]),
            helper.make_node("Tanh", [f"c{index}"], [f"d{index}"]),
        ]
        last = f"d{index}"
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", WIDTH])
        for name in ("x", last)
    )
    graph = helper.make_graph(nodes, "chain", [x], [y], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", default="tensorflow")
    parser.add_argument("--nodes", type=int, nargs="+", default=[100, 500, 2000, 5000, 20000])
    options = parser.parse_args()
    framework = find(options.to).name
    interpreter = provide(framework).interpreter
    print("| nodes | canonical s | lower s | build s | ms a node |\n|---|---|---|---|---|")
    for count in options.nodes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            onnx.save(chain(count), folder / "m.onnx")
            guest = FRAMEWORKS[framework].guest
            with Worker(interpreter, guest, label=framework, timeout=3600) as worker:
                (folder / "warm").mkdir()
                onnx.save(chain(4), folder / "warm.onnx")
                small = canonicalize(folder / "warm.onnx")
                build(lower(small, framework, folder / "warm"), worker, "float32", [])
                times = [time.perf_counter()]
                model = canonicalize(folder / "m.onnx")
                times.append(time.perf_counter())
                (folder / "out").mkdir()
                target = lower(model, framework, folder / "out")
                times.append(time.perf_counter())
                build(target, worker, "float32", [])
                times.append(time.perf_counter())
        spans = [b - a for a, b in pairwise(times)]
        cells = " | ".join(f"{span:.2f}" for span in spans)
        print(f"| {count} | {cells} | {sum(spans) / count * 1e3:.2f} |", flush=True)


if __name__ == "__main__":
    main()
