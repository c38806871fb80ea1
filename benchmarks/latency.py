"""Latency of converted models over the same networks written natively in the framework, and peers'.

    python benchmarks/latency.py tensorflow|keras|torch|jax [MODEL …] [--peer PYTHON] [--rounds 60]

Each zoo model goes torch → ONNX → the framework; the artifact, as loaded from disk, is timed against
the zoo's own definition in that framework (Keras's in TensorFlow, flax's in JAX), and, where PYTHON (an
interpreter that has the peers) is given, what those make of the same ONNX file: all in one process,
interleaved, batch 1. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from interop.models import ZOO, Architecture, find

from interop.bench.intervals import compare
from interop.bench.samples import Times
from interop.environments import provide
from interop.frameworks import FRAMEWORKS
from interop.graph.canonical import canonicalize
from interop.targets import Target, build, lower
from interop.workers import Worker
from interop.workers.tensors import write_tensors

GUESTS = str(Path(__file__).parent / "guests")

#: Framework → whose definition of the zoo is native to it, and who converts to it besides us. A peer
#: that writes files runs apart; the others run where PYTHON is.
NATIVE = {"tensorflow": "keras", "keras": "keras", "torch": "torch", "jax": "jax"}
PEERS = {"tensorflow": ["onnx2tf"], "torch": ["program", "native program", "onnx2pytorch", "onnx2torch"],
         "jax": ["jaxonnxruntime"], "keras": []}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("framework", choices=list(NATIVE))
    parser.add_argument("models", nargs="*", default=list(ZOO))
    parser.add_argument("--peer")
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    peers = [p for p in PEERS[options.framework] if options.peer or p.endswith("program")]
    print(f"| model | native, ms | interop / native | 95 % |{''.join(f' {p} |' for p in peers)}")
    print("|---|---:|---:|---:|" + "---:|" * len(peers))
    ratios, remarks = [], []
    for name in options.models:
        with tempfile.TemporaryDirectory() as scratch:
            answer = measure(find(name), options.framework, Path(scratch), options)
        seconds = {n: np.array(values) for n, values in answer["seconds"].items()}
        native = np.median(seconds["native"])
        found = compare(rounds(seconds["native"]), rounds(seconds["interop"]))
        ratios.append(found.ratio)
        others = [
            f"{np.median(seconds[peer]) / native:.2f}" if peer in seconds else "fails"
            for peer in peers
        ]
        row = [
            f"{native * 1e3:.2f}",
            f"{ratios[-1]:.2f}",
            f"{found.low:.2f}–{found.high:.2f}",
            *others,
        ]
        print(f"| {name} | {' | '.join(row)} |", flush=True)
        remarks += [f"{p}, {name}: {why}" for p, why in answer["missing"].items() if p in peers]
        remarks += [f"{p}, {name}: wrong by {far:.1e}"
                    for p, far in answer["difference"].items() if not far < 1e-3]  # fmt: skip
    print(f"\nMedian {np.median(ratios):.2f}, largest {max(ratios):.2f}.")
    print("\n".join(f"- {remark}" for remark in remarks))


def measure(
    entry: Architecture, framework: str, folder: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Convert, without the proof, and time what came out; `folder` takes everything written."""
    target = convert(entry, framework, folder)
    write_tensors(folder / "in", inputs(entry))
    interpreter, wrong = provide(framework).interpreter, []
    if options.peer and framework == "tensorflow":
        command = [options.peer, "-m", "onnx2tf", "-i", str(folder / "model.onnx"), "-fdosm", "-o"]
        done = subprocess.run(
            [*command, str(folder / "peer")], capture_output=True, text=True, check=False
        )
        wrong = [line.strip() for line in done.stderr.splitlines() if "Error: " in line]
    elif options.peer:
        interpreter = Path(options.peer)
    with Worker(
        interpreter, f"latency_{framework}", label=framework, timeout=1200, search_path=[GUESTS]
    ) as worker:
        answer: dict[str, Any] = worker.call(
            "compare",
            folder=str(folder),
            artifact=str(target.artifact),
            names=target.source.inputs,
            outputs=list(entry.outputs),
            definition=entry.definitions[NATIVE[framework]],
            rounds=options.rounds,
        )
    if framework == "tensorflow" and options.peer and "onnx2tf" not in answer["seconds"]:
        answer["missing"].setdefault("onnx2tf", (wrong or ["it wrote no SavedModel"])[0][:160])
    return answer


def convert(entry: Architecture, framework: str, folder: Path) -> Target:
    specs = [{"name": i.name, "dtype": i.dtype, "shape": list(i.shape)} for i in entry.inputs]
    with Worker(
        provide("torch").interpreter, FRAMEWORKS["torch"].guest, label="torch", timeout=600
    ) as worker:
        worker.call(
            "load_and_export", reference=entry.definitions["torch"],
            path=str(folder / "model.onnx"), inputs=specs, outputs=list(entry.outputs),
            sizes=dict(entry.sizes), trust=False,
        )  # fmt: skip
    (folder / "out").mkdir()
    target = lower(canonicalize(folder / "model.onnx"), framework, folder / "out")
    with Worker(
        provide(framework).interpreter, FRAMEWORKS[framework].guest, label=framework, timeout=600
    ) as worker:
        build(target, worker, "float32", [])
    return target


def inputs(entry: Architecture) -> dict[str, np.ndarray]:
    """One drawn set of inputs, batch 1, images NCHW."""
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    for one in entry.inputs:
        shape = [1 if d == "batch" else int(entry.sizes.get(str(d), d)) for d in one.shape]
        if one.below is None:
            arrays[one.name] = rng.standard_normal(shape).astype(one.dtype)
        else:
            arrays[one.name] = rng.integers(0, one.below, shape)
            if one.below == 2:
                arrays[one.name][:, 0] = 1  # a mask that hides everything is no sentence
    return arrays


def rounds(seconds: np.ndarray) -> Times:
    """Each round is a block of one run, all in one process."""
    return Times.of([[(float(one),) for one in seconds]])


if __name__ == "__main__":
    main()
