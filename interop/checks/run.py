"""The whole check: the model in its own framework, its truth and floor, and all that it is held to."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx

from interop import conversion, frameworks, output, proof, sources
from interop.checks import others, recorded
from interop.checks.attempts import Attempt
from interop.checks.drawn import Drawn, compare_drawn, random_nodes, runs_for
from interop.checks.floors import Floors
from interop.checks.held import Findings, hold
from interop.checks.lineup import Lineup
from interop.checks.record import check_record
from interop.checks.request import CheckRequest
from interop.conversion import Clock, Departing, Export, Request, Workers, provide_for
from interop.errors import UsageError
from interop.frameworks import able, known
from interop.parity.inputs.sets import InputSet
from interop.progress import Progress, Silent
from interop.proof import Plan
from interop.reference import ModelReference, resolve
from interop.workers.tensors import read_tensors


@dataclass(frozen=True)
class Check:
    """What came of it: the record, whose `rows` have one for each side."""

    document: dict[str, Any]

    @property
    def rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.document["rows"]
        return rows

    @property
    def passed(self) -> bool:
        return self.exit_code == 0

    @property
    def exit_code(self) -> int:
        """0; 3 where a side computes something else; else the code of the first side's error."""
        return int(self.document["exit_code"])


def run(request: CheckRequest, progress: Progress | None = None) -> Check:
    """Carry out `request`. What goes wrong with one side is its row; what goes wrong with the model
    itself, or its inputs, raises the errors of interop.errors, and nothing is written.
    """
    request.check()
    if request.output is not None:
        output.check_file_free(request.output, force=request.force)
    progress, model = progress or Silent(), request.model
    if request.against is not None:
        model = replace(model, data=recorded.inputs_in(request.against))
    home = None if model.source is None else frameworks.parse(model.source)
    reference = resolve(model.model, None if home is None else home.framework)
    _check_source(reference)
    clock = Clock()
    with conversion.scratch_folder() as scratch, ExitStack() as stack:
        log = _echo if model.verbose else None
        lineup = stack.enter_context(
            Lineup(request.on, model.timeout, scratch, progress, log)
        )  # their environments are being made while the model is exported
        with clock.stage("environments"):
            version = None if home is None else home.version
            source_home = provide_for(reference.framework, version, progress)
            onnx_home = provide_for("onnx", None, progress)
        workers = Workers(stack, model)
        at = workers.depart(source_home, onnx_home)
        made = conversion.export(reference, at.source, model, scratch, clock, progress)
        with clock.stage("inputs"):
            plan = proof.plan(
                made.canonical, made.signature, reference.architecture, model, scratch
            )
        work = _Work(request, model, reference, made, plan, at, lineup, scratch, clock, progress)
        drawing = random_nodes(onnx.load(made.canonical, load_external_data=False))
        attempts, found = work.drawn(drawing) if drawing else work.held()
        memory = workers.peak_memory()
    document = check_record(
        request, reference, source_home, made, plan, attempts, found, drawing, clock.seconds(),
        memory,
    )  # fmt: skip
    if request.output is not None:
        output.write_json_whole(document, request.output)
    return Check(document)


def _check_source(reference: ModelReference) -> None:
    row = known()[reference.framework]
    if "source" not in row.roles:
        raise UsageError(
            f"a model in {row.title} cannot be exported to ONNX, and so has no float64 truth",
            hint=f"Models can be read from {', '.join(able('source'))}.",
        )


@dataclass(frozen=True)
class _Work:
    """The sides of one check, run in order: the model itself, what was recorded, others, backends."""

    request: CheckRequest
    model: Request
    reference: ModelReference
    made: Export
    plan: Plan
    at: Departing
    lineup: Lineup
    scratch: Path
    clock: Clock
    progress: Progress

    def held(self) -> tuple[list[Attempt], Findings]:
        """Every side, and how it stands to the truth and to its peers."""
        plan, evidence = (
            self.plan,
            proof.Evidence(self.plan, self.at.checker, self.at.source, self.model.seed),
        )
        against = self.request.against
        known_outputs = [] if against is None else [recorded.attempt(against, plan)]
        sources.make_ready(self.reference, self.at.source)
        self.lineup.begin(plan)
        start = time.perf_counter()
        with self.progress.stage(f"run {self.model.model}"):
            evidence.run_source()
            evidence.start_truth()  # which waits for the source
        source = self._source(plan.outputs("source"), time.perf_counter() - start)
        with self.clock.stage("runs"):
            attempts = [source, *known_outputs, *self._others(plan.inputs())]
            attempts += self.lineup.attempts(plan)
        with self.clock.stage("truth and floor"), self.progress.stage("float64 truth and floor"):
            evidence.complete()
        peers = [0] if self.reference.framework != "onnx" or self.request.others else []
        with self.clock.stage("compare"), self.progress.stage("compare"):
            narrower = Floors(plan, self.at.checker, self.model.seed)
            return attempts, hold(
                plan, attempts, [*peers, *([1] if known_outputs else [])], narrower
            )

    def drawn(self, nodes: list[str]) -> tuple[list[Attempt], list[list[Drawn]]]:
        """Every side run many times on the largest set of inputs, and its distributions beside those
        of the model itself."""
        if self.request.against is not None:
            raise UsageError(
                f"{nodes[0]} draws random numbers: what was recorded of them cannot come again",
                hint="Leave --against away: distributions are compared then.",
            )
        plan = self.plan
        largest = max(range(len(plan.sets)), key=lambda index: _elements(plan.sets[index]))
        sources.make_ready(self.reference, self.at.source)
        self.lineup.begin(plan)
        start = time.perf_counter()
        with self.progress.stage(f"run {self.model.model}"):
            first, once = plan.inputs()[largest], str(self.scratch / "once")
            self.at.source.call("run", inputs=[first], outputs=[once])
            runs = runs_for(read_tensors(once))
            inputs = [first] * runs
            outputs = [str(self.scratch / "outputs-source" / str(run)) for run in range(runs)]
            self.at.source.call("run", inputs=inputs, outputs=outputs)
        source = self._source(outputs, time.perf_counter() - start)
        with self.clock.stage("runs"):
            attempts = [source, *self._others(inputs), *self.lineup.attempts(plan, inputs)]
        with self.clock.stage("compare"), self.progress.stage("compare"):
            found = [
                compare_drawn(one, source, self.model.seed) if one.outputs else []
                for one in attempts[1:]
            ]
        return attempts, [[], *found]

    def _source(self, outputs: list[str], seconds: float) -> Attempt:
        """The model's own runs are done: its memory is for the others."""
        worker, framework = self.at.source, self.reference.framework
        worker.close()
        return Attempt(
            f"{self.model.model} itself", "source", tuple(outputs), framework,
            self.at.home.version, seconds={"run": seconds}, peak_memory=worker.peak_memory,
            notes=self.made.source.notes,
        )  # fmt: skip

    def _others(self, inputs: list[str]) -> list[Attempt]:
        ours = others.names_of(self.reference, self.made.signature)
        return [
            others.attempt(
                text, ours, self.plan, self.model, self.scratch / f"other-{number}", self.progress,
                inputs,
            )
            for number, text in enumerate(self.request.others)
        ]  # fmt: skip


def _elements(one: InputSet) -> int:
    return sum(array.size for array in one.arrays.values())


def _echo(line: str) -> None:
    print(line, file=sys.stderr)
