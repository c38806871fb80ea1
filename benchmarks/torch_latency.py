"""Latency of models converted to torch over the same networks written natively in torch, and peers'.

    python benchmarks/torch_latency.py [MODEL …] [--peer PYTHON] [--rounds 40]

Each zoo model goes torch → ONNX → torch; its model.py is timed against the zoo's own definition and,
where PYTHON (an interpreter with torch, onnx2torch and onnx2pytorch) is given, what those make of the
same ONNX file: all in one process, interleaved, batch 1. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from interop.models import ZOO, find
from latency import bootstrap

from interop.conversion import Request
from interop.environments import provide
from interop.frameworks import FRAMEWORKS
from interop.graph.canonical import canonicalize
from interop.targets import lower
from interop.workers import Worker
from interop.workers.tensors import write_tensors

HERE = str(Path(__file__).parent)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="*", default=list(ZOO))
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    home = provide("torch").interpreter
    print(
        "| model | native, ms | interop / native | 95 % | onnx2pytorch / native | onnx2torch / native |"
    )
    print("|---|---:|---:|---:|---:|---:|")
    reasons = {}
    for name in options.models:
        entry = find(name)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            specs = [
                {"name": i.name, "dtype": i.dtype, "shape": list(i.shape)} for i in entry.inputs
            ]
            with Worker(home, FRAMEWORKS["torch"].guest, label="torch", timeout=600) as worker:
                worker.call(
                    "load_and_export", reference=entry.definitions["torch"],
                    path=str(folder / "m.onnx"), inputs=specs, outputs=list(entry.outputs),
                    sizes=dict(entry.sizes), trust=False,
                )  # fmt: skip
            request = Request(model=name, target="torch")
            lower(canonicalize(folder / "m.onnx"), "torch", folder, request)
            write_tensors(folder / "in", inputs(entry))
            guest = Worker(
                options.peer or home, "guest_torch_latency", label="torch", timeout=1200,
                search_path=[HERE],
            )  # fmt: skip
            with guest as worker:
                answer = worker.call(
                    "compare", folder=scratch, definition=entry.definitions["torch"],
                    rounds=options.rounds, seed=0,
                )  # fmt: skip
        seconds = {n: np.array(values) for n, values in answer["seconds"].items()}
        native = np.median(seconds["native"])
        low, high = bootstrap(seconds["interop"], seconds["native"])
        peers = [
            f"{np.median(seconds[peer]) / native:.2f}" if peer in seconds else "fails"
            for peer in ("onnx2pytorch", "onnx2torch")
        ]
        reasons.update({f"{peer}, {name}": why for peer, why in answer["missing"].items()})
        wrong = {n: d for n, d in answer["difference"].items() if d > 1e-3}
        reasons.update({f"{n}, {name}": f"wrong by {d:.1e}" for n, d in wrong.items()})
        ratio = np.median(seconds["interop"]) / native
        print(
            f"| {name} | {native * 1e3:.2f} | {ratio:.2f} | {low:.2f}–{high:.2f} | "
            + " | ".join(peers) + " |",
            flush=True,
        )  # fmt: skip
    for who, why in reasons.items():
        print(f"- {who}: {why}")


def inputs(entry) -> dict[str, np.ndarray]:
    """One drawn set of inputs, batch 1."""
    rng = np.random.default_rng(0)
    arrays = {}
    for one in entry.inputs:
        shape = [1 if d == "batch" else entry.sizes.get(d, d) for d in one.shape]
        if one.below is None:
            arrays[one.name] = rng.standard_normal(shape).astype(one.dtype)
        else:
            arrays[one.name] = rng.integers(0, one.below, shape)
            if one.below == 2:
                arrays[one.name][:, 0] = 1  # a mask that hides everything is no sentence
    return arrays


if __name__ == "__main__":
    main()
