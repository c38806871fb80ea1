"""The process of one group: exports the model once, and converts it to each target.

Started by `run.py` with the group as JSON; tells what it does in JSON lines on its standard output,
and ends when its standard input does, so that it never outlives whoever started it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TextIO

from interop import conversion, manifest
from interop.conversion import Clock, Departure, Request, Workers
from interop.matrix import definitions
from interop.matrix.cells import Cell, Key, failed, graded
from interop.matrix.groups import Group
from interop.parity.inputs.sets import InputSet
from interop.progress import Update
from interop.reference import ModelReference, resolve


@dataclass(frozen=True)
class Job:
    """What a child is to do. definitions: the folder for what the zoo's definition gives."""

    group: Group
    seed: int
    timeout: float
    definitions: str

    @staticmethod
    def from_json(data: dict[str, Any]) -> Job:
        group = data["group"]
        return Job(**{**data, "group": Group(**{**group, "targets": tuple(group["targets"])})})


class Telling:
    """Progress as JSON lines: {"stage": ...}, {"begin": target}, {"cell": ...}."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.last = ""

    def tell(self, **message: Any) -> None:
        self._stream.write(json.dumps(message) + "\n")
        self._stream.flush()

    @contextmanager
    def stage(self, title: str) -> Iterator[Update]:
        self.last = title
        self.tell(stage=title)
        yield lambda fraction, message: None


class GroupRun:
    """The cells of one group, one after the other, from one departure for as long as it lives."""

    def __init__(self, job: Job, telling: Telling, scratch: Path) -> None:
        self._job, self._telling, self._scratch = job, telling, scratch
        self._stack = ExitStack()
        self._departure: Departure | None = None
        self._failure: Exception | None = None
        self._count = 0
        group = job.group
        self._request = Request(
            group.model, "", source=group.via or group.source, seed=job.seed, timeout=job.timeout
        )

    def run(self) -> None:
        with self._stack:
            for key in self._job.group.keys:
                self._telling.tell(begin=key.target)
                self._telling.tell(cell=self._cell(key).to_json())

    def _cell(self, key: Key) -> Cell:
        via, end, start = self._job.group.via, "source", time.perf_counter()
        try:
            departure = self._departed()
            end, start = "target", time.perf_counter()
            document = self._convert(departure, key.target)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is a cell, and not the end
            seconds = time.perf_counter() - start
            return failed(key, via, error, self._telling.last, end, seconds)
        return graded(key, via, document, time.perf_counter() - start)

    def _departed(self) -> Departure:
        """The departure that all targets share; a new one where a worker of it has died since.

        One that failed fails for every target.
        """
        if self._failure is not None:
            raise self._failure
        found = self._departure
        if found is None or not (found.at.source.alive and found.at.checker.alive):
            self._stack.close()
            try:
                found = self._departure = self._depart()
            except Exception as error:
                self._failure = error
                self._note_definition(error)
                raise
        return found

    def _depart(self) -> Departure:
        self._count += 1
        scratch = self._scratch / str(self._count)
        scratch.mkdir()
        group, request, sets = self._job.group, self._request, None
        if group.via:
            request, sets = self._second_hand(scratch)
        reference = resolve(request.model, request.source)
        departure = self._load(reference, request, scratch / "source", sets, self._stack)
        departure.evidence.complete()
        if not group.via:
            self._keep_definition(departure, scratch)
        return departure

    def _load(
        self,
        reference: ModelReference,
        request: Request,
        scratch: Path,
        sets: tuple[InputSet, ...] | None,
        stack: ExitStack,
    ) -> Departure:
        scratch.mkdir()
        home = conversion.provide_for(reference.framework, None, self._telling)
        onnx_home = conversion.provide_for("onnx", None, self._telling)
        at = Workers(stack, request).depart(home, onnx_home)
        return conversion.depart(reference, at, request, scratch, Clock(), self._telling, sets)

    def _second_hand(self, scratch: Path) -> tuple[Request, tuple[InputSet, ...]]:
        """The model in a framework that the zoo does not define it in: the artifact of a conversion
        (for ONNX, the export), and the inputs under its names."""
        group, folder = self._job.group, scratch / "second-hand"
        with ExitStack() as stack:
            reference = resolve(group.model, group.via)
            first = self._load(reference, self._request, scratch / "first", None, stack)
            if group.source == "onnx":
                request = replace(self._request, model=str(first.source.onnx), source="onnx")
                first.evidence.complete()
                return request, first.plan.sets
            folder.mkdir()
            home = conversion.provide_for(group.source, None, self._telling)
            at = Workers(stack, self._request).arrive(home)
            wanted = replace(self._request, target=group.source)
            target, document = conversion.arrive(first, at, wanted, folder, Clock(), self._telling)
            manifest.write(document, folder)
        names = target.source.inputs
        sets = tuple(
            InputSet(one.label, {names[name]: array for name, array in one.arrays.items()})
            for one in first.plan.sets
        )
        return replace(self._request, model=str(folder), source=None, trust=True), sets

    def _keep_definition(self, departure: Departure, scratch: Path) -> None:
        with self._telling.stage("hold the definition against the others"):
            definitions.measure(
                departure, self._job.group.source, self._job.seed, scratch / "definition",
                Path(self._job.definitions),
            )  # fmt: skip

    def _note_definition(self, error: Exception) -> None:
        group = self._job.group
        if not group.via and self._count == 1:
            where = Path(self._job.definitions)
            definitions.note_failure(group.model, group.source, str(error), where)

    def _convert(self, departure: Departure, target: str) -> dict[str, Any]:
        """Convert to `target` and prove it; the artifact is gone when this returns."""
        departure.plan.forget_artifact()
        folder = self._scratch / "artifact"
        folder.mkdir()
        request = replace(self._request, target=target)
        try:
            home = conversion.provide_for(target, None, self._telling)
            with ExitStack() as stack:
                at = Workers(stack, request).arrive(home)
                # Lowering consumes the graph, and the next target wants it, too.
                own = replace(departure, model=departure.model.clone())
                _, document = conversion.arrive(own, at, request, folder, Clock(), self._telling)
        finally:
            shutil.rmtree(folder)
        return document


def main() -> None:
    """Read the job from the command line and carry it out."""
    signal.signal(signal.SIGTERM, _terminated)
    job = Job.from_json(json.loads(sys.argv[1]))
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is no line of ours
    threading.Thread(target=_watch, daemon=True).start()
    with conversion.scratch_folder() as scratch:
        GroupRun(job, Telling(stream), scratch).run()


def _watch() -> None:
    """Ask this process to end once its standard input has ended."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
