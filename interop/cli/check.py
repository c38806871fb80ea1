"""`interop check`: whether a model computes the same function on several backends, or as others do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from interop.cli.options import (
    AsJson,
    Force,
    From,
    Inputs,
    Labels,
    Model,
    OwnInputs,
    Seed,
    SignatureName,
    Sizes,
    Timeout,
    Trust,
    Verbose,
    read_inputs,
    read_sizes,
)


def check(
    model: Model,
    others: Annotated[
        list[str] | None,
        typer.Argument(help="More such models, each run by its own framework, to hold against it."),
    ] = None,
    on: Annotated[
        str,
        typer.Option(
            "--on", help="Backends, runtime[@version]:device[:precision], as in torch:cpu,ort."
        ),
    ] = "",
    against: Annotated[
        Path | None,
        typer.Option("--against", help="A folder of recorded inputs and outputs."),
    ] = None,
    source: From = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File for the record, as JSON.")
    ] = None,
    force: Force = False,
    inputs: Inputs = None,
    data: OwnInputs = None,
    non_finite: Annotated[
        bool,
        typer.Option("--allow-nan", help="--data may hold NaN and infinities; --wide adds some."),
    ] = False,
    wide: Annotated[
        bool,
        typer.Option(
            "--wide",
            help="Many sets of inputs: other sizes, edge cases, scales that meet every threshold.",
        ),
    ] = False,
    labels: Labels = None,
    gradients: Annotated[
        bool,
        typer.Option("--gradients", help="Compare the gradients, too, where a side has some."),
    ] = False,
    layers: Annotated[
        bool,
        typer.Option("--layers", help="Run every node by itself, too, on each backend of --on."),
    ] = False,
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild", help="Build what a backend runs once more: it has to be the same."
        ),
    ] = False,
    sizes: Sizes = None,
    signature: SignatureName = None,
    trust: Trust = False,
    seed: Seed = 0,
    timeout: Timeout = 1800.0,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Run MODEL on every backend of --on, and grade each against the float64 truth of the model.

    A backend that does not run costs only its own row; the exit code is 3 where one computes
    something else, or else that of the first error.
    """
    from interop.backends import parse_list
    from interop.checks import CheckRequest, run
    from interop.conversion import Request
    from interop.report.check import check_summary
    from interop.report.terminal import RichProgress

    request = CheckRequest(
        Request(
            model=model,
            target="",
            source=source,
            inputs=read_inputs(inputs),
            data=data,
            non_finite=non_finite,
            wide=wide,
            sizes=read_sizes(sizes),
            signature=signature,
            trust=trust,
            seed=seed,
            timeout=timeout,
            verbose=verbose,
        ),
        others=tuple(others or ()),
        on=parse_list(on) if on else (),
        against=against,
        output=output,
        force=force,
        gradients=gradients,
        layers=layers,
        rebuild=rebuild,
        labels=labels,
    )
    with RichProgress() as progress:
        done = run(request, progress)
    if as_json:
        print(json.dumps(done.document, indent=2))
    else:
        check_summary(done)
    if done.exit_code:
        raise typer.Exit(done.exit_code)
