"""Whole-command time of `interop convert MODEL --from torch --to tf`, warm, beside floor and peer.

    python benchmarks/whole_command.py [--model resnet50] [--rounds 3] [--peer PYTHON]

Floor: what cannot be avoided, in two plain scripts: import torch, build the model, export it; import
TensorFlow, build the converted model, save it. Peer: the way people do it today: the same export,
then onnx2tf, then one comparison with ONNX Runtime by NumPy. PYTHON is an interpreter that has
onnx2tf, TensorFlow and onnxruntime. Contenders take turns within each round. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import interop
from interop import models
from interop.environments import provide

HERE = Path(__file__).parent


def timed(command: list[str], folder: Path) -> float:
    """Seconds of a whole process; its failure is ours."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[:4]} failed: {done.stderr[-800:]}")
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer")
    options = parser.parse_args()
    entry = models.find(options.model)
    torch_python, tf_python = (str(provide(f).interpreter) for f in ("torch", "tensorflow"))
    seconds: dict[str, list[float]] = defaultdict(list)
    stages: dict[str, list[float]] = defaultdict(list)
    memory: dict[str, list[int]] = defaultdict(list)
    shape = ",".join(map(str, entry.inputs[0].shape[1:]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-P", "-m", "interop", "convert", options.model]
        ours = [*command, "--from", "torch", "--to", "tf", "--force", "--output", "out"]
        export = [torch_python, str(HERE / "guests/floor_export.py"), str(_links(folder))]
        export += [entry.definitions["torch"], shape, "m.onnx"]
        save = [tf_python, str(HERE / "guests/floor_save.py"), str(folder / "out"), "saved"]
        timed(ours, folder)  # makes what is made once, and the source that the floor saves
        for _ in range(options.rounds):
            seconds["interop"].append(timed(ours, folder))
            manifest = json.loads((folder / "out/manifest.json").read_text())
            for stage, value in manifest["seconds"].items():
                stages[stage].append(value)
            for role, value in manifest["peak_memory_bytes"].items():
                memory[role].append(value)
            first = timed(export, folder)
            seconds["floor"].append(first + timed(save, folder))
            if options.peer:
                onnx2tf = [
                    options.peer,
                    "-m",
                    "onnx2tf",
                    "-i",
                    "m.onnx",
                    "-o",
                    "peer",
                    "-fdosm",
                    "-n",
                ]
                compare = [options.peer, str(HERE / "guests/peer_compare.py"), "m.onnx", "peer"]
                total = timed(export, folder) + timed(onnx2tf, folder)
                seconds["torch.onnx + onnx2tf + NumPy"].append(total + timed(compare, folder))
    report(seconds, stages, memory)


def _links(folder: Path) -> Path:
    """A folder where a plain interpreter finds `interop.models`: what an installation gives."""
    target = folder / "path" / "interop"
    target.mkdir(parents=True)
    (target / "__init__.py").touch()
    source = Path(interop.__path__[0])
    (target / "errors.py").symlink_to(source / "errors.py")
    (target / "models").symlink_to(next(iter(models.__path__)))
    return target.parent


def report(
    seconds: dict[str, list[float]], stages: dict[str, list[float]], memory: dict[str, list[int]]
) -> None:
    print("| contender | median, s | least | most | over the floor, pair by pair |")
    print("|---|---:|---:|---:|---:|")
    for name, values in seconds.items():
        ratios = [a / b for a, b in zip(values, seconds["floor"], strict=True)]
        print(
            f"| {name} | {statistics.median(values):.1f} | {min(values):.1f} | {max(values):.1f} "
            f"| {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |"
        )
    print("\n| stage | median, s |\n|---|---:|")
    for stage, values in stages.items():
        print(f"| {stage} | {statistics.median(values):.2f} |")
    print("\n| process | peak memory, MiB |\n|---|---:|")
    for role, peaks in memory.items():
        print(f"| {role} | {max(peaks) / 2**20:.0f} |")


if __name__ == "__main__":
    main()
