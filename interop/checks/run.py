"""The whole check: the model in its own framework, its truth and floor, and all that it is held to."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import onnx

from interop import conversion, frameworks, output, proof
from interop.checks import recorded
from interop.checks.aspects import Aspect
from interop.checks.drawn import Drawn, random_nodes
from interop.checks.gradients import check_any
from interop.checks.held import Findings
from interop.checks.lineup import Lineup
from interop.checks.record import check_record
from interop.checks.request import CheckRequest
from interop.checks.sides import Sides
from interop.conversion import Clock, Workers, provide_for
from interop.errors import UsageError
from interop.frameworks import able, known
from interop.progress import Progress, Silent
from interop.reference import ModelReference, resolve


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
    if request.gradients:
        check_any(request, reference)
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
        work = Sides(request, model, reference, made, plan, at, lineup, scratch, clock, progress)
        drawing = random_nodes(onnx.load(made.canonical, load_external_data=False))
        found: Findings | list[list[Drawn]]
        aspects: dict[str, Sequence[Aspect]] = {}
        if drawing:
            _check_drawn(request, drawing)
            attempts, found = work.drawn()
        else:
            attempts, found, aspects = work.held()
        memory = workers.peak_memory()
    document = check_record(
        request, reference, source_home, made, plan, attempts, found, aspects, drawing,
        clock.seconds(), memory,
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


def _check_drawn(request: CheckRequest, nodes: Sequence[str]) -> None:
    """Raise UsageError for what cannot be asked of a model that draws random numbers."""
    if request.against is not None:
        raise UsageError(
            f"{nodes[0]} draws random numbers: what was recorded of them cannot come again",
            hint="Leave --against away: distributions are compared then.",
        )
    asked = (("--gradients", request.gradients), ("--layers", request.layers),
             ("--rebuild", request.rebuild), ("--labels", request.labels is not None))  # fmt: skip
    wanted = [option for option, given in asked if given]
    if wanted:
        raise UsageError(
            f"{nodes[0]} draws random numbers, so that {' and '.join(wanted)} would have no truth to go by",
            hint=f"Leave {' and '.join(wanted)} away: distributions are compared then.",
        )


def _echo(line: str) -> None:
    print(line, file=sys.stderr)
