"""The sides of one check, run in order and held to each other."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from interop import proof, sources
from interop.checks import others, recorded
from interop.checks.aspects import Aspect
from interop.checks.attempts import Attempt, Ran
from interop.checks.drawn import Drawn, compare_drawn, runs_for
from interop.checks.gradients import gradient_aspects, largest, own_gradients
from interop.checks.held import Findings, hold
from interop.checks.labels import read_labels
from interop.checks.layers import layer_aspects
from interop.checks.lineup import Lineup
from interop.checks.rebuilt import rebuilt
from interop.checks.request import CheckRequest
from interop.checks.tasks import task_aspects
from interop.checks.unaided import Measures, Trials, unaided_aspects
from interop.conversion import Clock, Departing, Export, Request
from interop.errors import InteropError
from interop.floors import Floors
from interop.parity.unaided import Finding
from interop.parity.verdict.derivatives import Derivatives
from interop.progress import Progress
from interop.proof import Plan
from interop.reference import ModelReference
from interop.workers.tensors import read_tensors


@dataclass(frozen=True)
class Sides:
    """The model itself, what was recorded, others, backends."""

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

    def held(self) -> tuple[list[Attempt], Findings, dict[str, Sequence[Aspect]]]:
        """Every side, how it stands to the truth and to its peers, and what else was looked at."""
        plan, request, seed = self.plan, self.request, self.model.seed
        evidence = proof.Evidence(plan, self.at.checker, self.at.source, seed)
        against = request.against
        known_outputs = [] if against is None else [recorded.attempt(against, plan)]
        trials = Trials(plan)
        sources.make_ready(self.reference, self.at.source)
        self.lineup.begin(plan)
        start = time.perf_counter()
        with self.progress.stage(f"run {self.model.model}"):
            evidence.run_source()
            evidence.start_truth()  # which waits for the source
            seconds = time.perf_counter() - start
            labels = None
            if request.labels is not None:
                labels = read_labels(request.labels, plan, plan.outputs("source"))
            again = trials.run(self._run_source, self.scratch / "trials-source")
            own = self._own_gradients()
        source = self._source(plan.outputs("source"), seconds, again)
        with self.clock.stage("runs"):
            attempts = [source, *known_outputs, *self._others(plan.inputs(), trials)]
            attempts += self.lineup.attempts(plan, trials=trials)
        with self.clock.stage("truth and floor"), self.progress.stage("float64 truth and floor"):
            evidence.complete()
        peers = [0] if self.reference.framework != "onnx" or request.others else []
        narrower = Floors(plan, self.at.checker, seed)
        measures = Measures(plan, self.at.checker, narrower, seed)
        further = self._rebuilt(attempts, measures)
        with self.clock.stage("compare"), self.progress.stage("compare"):
            found = hold(plan, attempts, [*peers, *([1] if known_outputs else [])], narrower)
            aspects: dict[str, Sequence[Aspect]] = {
                "unaided": unaided_aspects(trials, attempts, measures, further),
                **task_aspects(plan, attempts, labels, measures.of_set),
            }
        found = replace(found, written_out=evidence.written_out)
        return attempts, found, aspects | self._asked(attempts, own)

    def _rebuilt(
        self, attempts: Sequence[Attempt], measures: Measures
    ) -> dict[str, Sequence[Finding]]:
        """By label; of the backends that the model is built for, and runs on."""
        if not self.request.rebuild:
            return {}
        by_label = {one.label: one for one in attempts if one.kind == "backend" and one.outputs}
        with self.clock.stage("rebuild"):
            return {
                str(backend): rebuilt(
                    self.request, backend, one, self.plan, self.scratch,
                    measures.of(one.precision), self.progress,
                )
                for backend in self.request.on
                if not backend.row.takes_onnx and (one := by_label.get(str(backend)))
            }  # fmt: skip

    def _asked(
        self, attempts: Sequence[Attempt], own: Derivatives | InteropError | None
    ) -> dict[str, Sequence[Aspect]]:
        """What is costly, and done where it is asked for."""
        found: dict[str, Sequence[Aspect]] = {}
        if self.request.gradients:
            with self.clock.stage("gradients"):
                found["gradients"] = gradient_aspects(
                    self.request, self.reference, self.made, self.plan, own, self.scratch,
                    self.progress,
                )  # fmt: skip
        if self.request.layers:
            with self.clock.stage("layers"):
                found["layers"] = layer_aspects(
                    self.request, self.plan, attempts, self.scratch, self.progress
                )
        return found

    def drawn(self) -> tuple[list[Attempt], list[list[Drawn]]]:
        """Every side run many times on the largest set of inputs, and its distributions beside those
        of the model itself."""
        plan = self.plan
        sources.make_ready(self.reference, self.at.source)
        self.lineup.begin(plan)
        start = time.perf_counter()
        with self.progress.stage(f"run {self.model.model}"):
            first, once = plan.inputs()[largest(plan)], str(self.scratch / "once")
            self._run_source([first], [once])
            runs = runs_for(read_tensors(once))
            inputs = [first] * runs
            outputs = [str(self.scratch / "outputs-source" / str(run)) for run in range(runs)]
            self._run_source(inputs, outputs)
        source = self._source(outputs, time.perf_counter() - start)
        with self.clock.stage("runs"):
            attempts = [source, *self._others(inputs), *self.lineup.attempts(plan, inputs)]
        with self.clock.stage("compare"), self.progress.stage("compare"):
            found = [
                compare_drawn(one, source, self.model.seed) if one.outputs else []
                for one in attempts[1:]
            ]
        return attempts, [[], *found]

    def _run_source(self, inputs: list[str], outputs: list[str]) -> None:
        self.at.source.call("run", inputs=inputs, outputs=outputs)

    def _own_gradients(self) -> Derivatives | InteropError | None:
        if not self.request.gradients:
            return None
        return own_gradients(self.reference, self.at.source, self.plan, self.model.seed)

    def _source(self, outputs: list[str], seconds: float, trials: tuple[Ran, ...] = ()) -> Attempt:
        """The model's own runs are done: its memory is for the others."""
        worker, framework = self.at.source, self.reference.framework
        worker.close()
        return Attempt(
            f"{self.model.model} itself", "source", tuple(outputs), framework,
            self.at.home.version, seconds={"run": seconds}, peak_memory=worker.peak_memory,
            notes=self.made.source.notes, trials=trials,
        )  # fmt: skip

    def _others(self, inputs: list[str], trials: Trials | None = None) -> list[Attempt]:
        ours = others.names_of(self.reference, self.made.signature)
        return [
            others.attempt(
                text, ours, self.plan, self.model, self.scratch / f"other-{number}", self.progress,
                inputs, trials,
            )
            for number, text in enumerate(self.request.others)
        ]  # fmt: skip
