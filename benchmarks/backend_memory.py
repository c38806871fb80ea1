"""What a backend needs of memory: by itself, and for each byte of weights that a model brings.

    python benchmarks/backend_memory.py [--on torch:cpu,jax:cpu] [--megabytes 268]

A model of one operator and a chain of products of that many megabytes go the way that an audit sends them:
converted, loaded, run. The peak is that of the largest of the backend's processes. The figures of
interop/audit/memory.py are what this prints.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from interop.audit.run import USUAL
from interop.backends import open_runner, parse, parse_list
from interop.conversion import provide_for
from interop.errors import InteropError
from interop.frameworks import known
from interop.graph.canonical import canonicalize, save
from interop.progress import Silent
from interop.proof import FLOOR_RUNS
from interop.workers import Worker
from interop.workers.tensors import write_tensors

SIDE = 2048
OTHERS = ("opencv:cpu", "reference:cpu", "tvm:cpu", "mxnet:cpu", "keras:cpu")


def chain(path: Path, count: int, side: int) -> int:
    """`count` products of side × side; returns the bytes of their weights."""
    rng = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(
            (rng.standard_normal((side, side), np.float32) / side**0.5), f"w{index}"
        )
        for index in range(count)
    ]
    names = ["x", *(f"h{index}" for index in range(1, count)), "y"]
    nodes = [helper.make_node("MatMul", [names[i], f"w{i}"], [names[i + 1]]) for i in range(count)]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", side]) for name in "xy"
    ]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:], weights)
    opset = helper.make_opsetid("", 21)
    made = helper.make_model(graph, opset_imports=[opset], ir_version=10)
    onnx.save(made, path)
    save(canonicalize(path), path.with_name("canonical.onnx"))
    return count * side * side * 4


def peak_of(backend: str, folder: Path) -> int:
    """Bytes of the largest process that converts, loads and runs canonical.onnx in `folder`."""
    inputs, scratch = str(folder / "in"), folder / backend.replace(":", "-")
    scratch.mkdir()
    with open_runner(parse(backend), scratch=scratch) as runner:
        runner.load(folder / "canonical.onnx", calibration=[inputs])
        runner.run([inputs], [str(folder / "out")])
        return max(worker.peak_memory for worker in runner._workers)


def peak_of_truth(folder: Path) -> int:
    home, model = provide_for("onnx", None, Silent()), str(folder / "canonical.onnx")
    inputs, truth = [str(folder / "in")], [str(folder / "truth")]
    with Worker(home.interpreter, known()["onnx"].guest, label="onnx", timeout=1800) as worker:
        worker.call("truth", model=model, inputs=inputs, outputs=truth)
        worker.call(
            "floor_runs", model=model, inputs=inputs, outputs=[str(folder / "floor")], seed=0,
            runs=FLOOR_RUNS, truth=truth,
        )  # fmt: skip
        return worker.peak_memory


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--on", default=",".join([*USUAL, *OTHERS]))
    parser.add_argument("--megabytes", type=int, default=268)
    asked = parser.parse_args()
    count = max(1, round(asked.megabytes * 1e6 / (SIDE * SIDE * 4)))
    with tempfile.TemporaryDirectory() as scratch:
        small, large = Path(scratch, "small"), Path(scratch, "large")
        weights = 0
        for folder, products, side in ((small, 1, 16), (large, count, SIDE)):
            folder.mkdir()
            weights = chain(folder / "model.onnx", products, side)
            drawn = np.random.default_rng(0).standard_normal((1, side), np.float32)
            write_tensors(folder / "in", {"x": drawn})
        print(f"{weights / 1e6:.0f} MB of weights\n\n| | alone, MB | weights |\n|---|---:|---:|")
        for name in ("the truth", *map(str, parse_list(asked.on))):
            try:
                first, second = (
                    peak_of_truth(folder) if name == "the truth" else peak_of(name, folder)
                    for folder in (small, large)
                )
            except InteropError as error:
                print(f"| {name} | {error.message.splitlines()[0][:60]} | |", flush=True)
                continue
            print(f"| {name} | {first / 1e6:.0f} | {(second - first) / weights:.2f} |", flush=True)


if __name__ == "__main__":
    main()
