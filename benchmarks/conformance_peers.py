"""How much of the standard's own suite other tools pass: the same cases, judged by the same rule.

    python benchmarks/conformance_peers.py PEER=PYTHON …

PEER is onnxruntime, reference (onnx's own evaluator), openvino, onnx2torch, onnx2pytorch or
jaxonnxruntime; PYTHON an interpreter that has it. Ours are what `pytest parity_tests/conformance -s`
prints. A case that takes a peer down, or half a minute, counts as failed. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import onnx

from interop.errors import WorkerCrashed, WorkerTimedOut
from interop.workers import Worker
from interop.workers.tensors import read_tensors, write_tensors

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "parity_tests" / "conformance"))

from suite import judge, plain_cases, with_constants  # noqa: E402

PART, SECONDS = 20, 30


class Peer:
    """A worker that is started again where a case takes it down."""

    def __init__(self, name: str, interpreter: Path) -> None:
        self.name, self.interpreter = name, interpreter
        self._worker: Worker | None = None

    def run(self, folders: list[str]) -> list[str]:
        """One message a folder; a part that fails whole is taken again, case by case."""
        try:
            if self._worker is None:
                self._worker = Worker(
                    self.interpreter, "conformance_peers", label=self.name,
                    timeout=SECONDS * len(folders), search_path=[str(HERE / "guests")],
                )  # fmt: skip
            return self._worker.call("run_cases", peer=self.name, folders=folders)["messages"]
        except (WorkerCrashed, WorkerTimedOut) as error:
            self.close()
            if len(folders) == 1:
                return [f"{type(error).__name__}"]
            return [message for folder in folders for message in self.run([folder])]

    def close(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("peers", nargs="+", metavar="PEER=PYTHON")
    options = parser.parse_args()
    cases = [v for case in plain_cases() for v in (case, with_constants(case)) if v is not None]
    print("| peer | passed as given | with constants |\n|---|---:|---:|")
    for text in options.peers:
        name, _, interpreter = text.partition("=")
        peer = Peer(name, Path(interpreter))
        outcome: dict[str, str] = {}
        for start in range(0, len(cases), PART):
            with tempfile.TemporaryDirectory() as scratch:
                outcome.update(run(peer, cases[start : start + PART], Path(scratch)))
        peer.close()
        given = [reason for case, reason in outcome.items() if "::" not in case]
        fixed = [reason for case, reason in outcome.items() if "::" in case]
        shares = " | ".join(
            f"{part.count('')} of {len(part)} ({part.count('') / len(part):.1%})"
            for part in (given, fixed)
        )
        print(f"| {name} | {shares} |", flush=True)
        reasons = Counter(reason.split(":")[0] for reason in outcome.values() if reason)
        print(f"{name}: {reasons.most_common(6)}", file=sys.stderr)


def run(peer, cases, scratch):
    """Each case's name → "" where it passes, else why not."""
    folders = []
    for number, case in enumerate(cases):
        folder = scratch / str(number)
        folder.mkdir()
        onnx.save(case.model, folder / "case.onnx")
        names = (value.name for value in case.model.graph.input)
        arrays = dict(zip(names, map(np.asarray, case.inputs), strict=False))
        write_tensors(folder / "in", arrays)
        folders.append(str(folder))
    outcome = {}
    for case, folder, message in zip(cases, folders, peer.run(folders), strict=True):
        given = [] if message else list(read_tensors(Path(folder) / "out").values())
        outcome[case.name] = message or judge(case, given)
    return outcome


if __name__ == "__main__":
    main()
