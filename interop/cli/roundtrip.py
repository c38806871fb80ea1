"""`interop roundtrip`: through several frameworks and back, and what each hop cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from interop.cli.options import (
    AsJson,
    Force,
    Inputs,
    Model,
    OwnInputs,
    Seed,
    Sizes,
    Timeout,
    Trust,
    Verbose,
    read_inputs,
    read_sizes,
)


def roundtrip(
    model: Model,
    through: Annotated[
        str, typer.Option("--through", help="The frameworks in order, e.g. torch,tf,torch.")
    ],
    source: Annotated[
        str | None,
        typer.Option("--from", help="Where it comes from, where --through does not begin there."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to write. [default: ./<model>-roundtrip]"),
    ] = None,
    force: Force = False,
    inputs: Inputs = None,
    data: OwnInputs = None,
    sizes: Sizes = None,
    trust: Trust = False,
    seed: Seed = 0,
    timeout: Timeout = 1800.0,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Carry MODEL from framework to framework, each time by what was written last.

    Every artifact is held against the one before it and against the very first.
    """
    from interop.conversion import Request
    from interop.report.roundtrip import roundtrip_summary
    from interop.report.terminal import RichProgress
    from interop.trips import run

    request = Request(
        model=model,
        source=source,
        target="",
        output=output,
        force=force,
        inputs=read_inputs(inputs),
        data=data,
        sizes=read_sizes(sizes),
        trust=trust,
        seed=seed,
        timeout=timeout,
        verbose=verbose,
    )
    stops = [stop.strip() for stop in through.split(",") if stop.strip()]
    with RichProgress() as progress:
        trip = run(request, stops, progress)
    if as_json:
        print(json.dumps(trip.to_json(), indent=2))
    else:
        roundtrip_summary(trip)
    if not trip.passed:
        raise typer.Exit(3)
