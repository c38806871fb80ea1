"""Latency of converted models over the same networks written natively in Keras.

    python benchmarks/latency.py [MODEL …]

Converts each zoo model torch → tf and times its SavedModel against the zoo's own Keras definition,
interleaved in one TensorFlow process, batch 1. Prints a Markdown table.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from interop.models import find

import interop
from interop.environments import provide
from interop.workers import Worker

ROUNDS = 60
VISION = ("resnet18", "resnet50", "mobilenet_v2", "unet")


def main() -> None:
    names = sys.argv[1:] or VISION
    environment = provide("tensorflow")
    print("| model | converted, ms | Keras, ms | ratio | 95 % of ratio | Transposes | difference |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name in names:
        architecture = find(name)
        [image] = architecture.inputs
        shape = [1 if dim == "batch" else dim for dim in image.shape]
        with tempfile.TemporaryDirectory() as scratch:
            done = interop.convert(name, source="torch", target="tf", output=Path(scratch) / "out")
            with Worker(
                environment.interpreter,
                "guest_latency",
                label="tensorflow",
                timeout=600,
                search_path=[str(Path(__file__).parent)],
            ) as worker:
                answer = worker.call(
                    "compare",
                    saved_model=str(done.folder / "saved_model"),
                    definition=architecture.definitions["keras"],
                    shape=shape,
                    rounds=ROUNDS,
                    seed=0,
                )
        ours, theirs = (np.array(answer["seconds"][k]) for k in ("converted", "keras"))
        ratios = bootstrap(ours, theirs)
        print(
            f"| {name} | {np.median(ours) * 1e3:.1f} | {np.median(theirs) * 1e3:.1f} "
            f"| {np.median(ours) / np.median(theirs):.2f} "
            f"| {ratios[0]:.2f}–{ratios[1]:.2f} | {answer['transposes']} "
            f"| {answer['difference']:.1e} |",
            flush=True,
        )


def bootstrap(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """95 % interval of the ratio of medians of paired rounds (seconds), 2,000 resamples."""
    rng = np.random.default_rng(0)
    picks = rng.integers(0, len(ours), (2000, len(ours)))
    ratios = np.median(ours[picks], axis=1) / np.median(theirs[picks], axis=1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return float(low), float(high)


if __name__ == "__main__":
    main()
