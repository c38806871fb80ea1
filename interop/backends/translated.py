"""A worker whose model calls its tensors in its own way, run under the ONNX names."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from interop.dialect import Dialect
from interop.workers import Worker
from interop.workers.tensors import read_tensors, write_tensors


class Translated:
    """`run` and `time` of `worker`, in whose `dialect` (None: as it is) tensors go in and out.

    scratch: a folder of its own for what is translated.
    """

    def __init__(self, worker: Worker, dialect: Dialect | None, scratch: Path) -> None:
        self._worker, self._scratch = worker, scratch
        self._dialect = None if dialect is None or dialect.plain else dialect

    def run(self, inputs: Sequence[str], outputs: Sequence[str]) -> dict[str, Any]:
        """Run each folder of `inputs` into the folder of `outputs` at its place; returns what the worker
        says of the last."""
        if self._dialect is None:
            return self._worker.call("run", inputs=list(inputs), outputs=list(outputs))
        answer: dict[str, Any] = {}
        for given, wanted in zip(inputs, outputs, strict=True):  # one at a time on the disk
            handed, raw = self._handed(given), str(self._scratch / "returned")
            answer = self._worker.call("run", inputs=[handed], outputs=[raw])
            write_tensors(wanted, self._dialect.take_back(read_tensors(raw)))
            shutil.rmtree(self._scratch)
        return answer

    def time(self, inputs: str, runs: int, warmup: int, operation: str = "time") -> list[float]:
        """Seconds of each of `runs` runs on one folder of inputs, after `warmup` unmeasured ones, as
        that operation of the worker measures them."""
        handed = self._handed(inputs)
        answer = self._worker.call(operation, inputs=handed, runs=runs, warmup=warmup)
        seconds: list[float] = answer["seconds"]
        return seconds

    def _handed(self, inputs: str) -> str:
        """The folder `inputs` as the model takes it."""
        if self._dialect is None:
            return inputs
        folder = self._scratch / "handed"
        shutil.rmtree(folder, ignore_errors=True)
        write_tensors(folder, self._dialect.hand_over(read_tensors(inputs)))
        return str(folder)
