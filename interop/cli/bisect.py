"""`interop bisect`: the first node that goes wrong, on a backend or in another graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from interop.cli.options import (
    AsJson,
    Force,
    Inputs,
    OwnInputs,
    Seed,
    Sizes,
    Timeout,
    Trust,
    Verbose,
    read_inputs,
    read_sizes,
)


def bisect(
    model: Annotated[
        str, typer.Argument(help="What is right: an .onnx file, or any model that convert takes.")
    ],
    candidate: Annotated[
        Path | None,
        typer.Argument(help="What is not: another .onnx file, or a folder that convert wrote."),
    ] = None,
    backend: Annotated[
        str | None, typer.Option("--on", help="Where it goes wrong, e.g. tensorflow:cpu.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", help="The framework MODEL comes from; a file's ending can say it."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Folder of the reproducer. [default: ./<model>-bisect]"
        ),
    ] = None,
    force: Force = False,
    layers: Annotated[
        bool, typer.Option("--layers", help="Show every node by itself, and search for none.")
    ] = False,
    inputs: Inputs = None,
    data: OwnInputs = None,
    sizes: Sizes = None,
    trust: Trust = False,
    seed: Seed = 0,
    timeout: Timeout = 1800.0,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Name the first node of MODEL that goes wrong, with the smallest model that still shows it."""
    from interop.backends import parse
    from interop.bisect.command import BisectRequest, carry_out
    from interop.conversion import Request
    from interop.report.bisect import bisect_summary
    from interop.report.terminal import RichProgress

    request = BisectRequest(
        Request(
            model=model,
            target="",
            source=source,
            output=output,
            force=force,
            inputs=read_inputs(inputs),
            data=data,
            sizes=read_sizes(sizes),
            trust=trust,
            seed=seed,
            timeout=timeout,
            verbose=verbose,
        ),
        candidate=candidate,
        on=None if backend is None else parse(backend),
        layers=layers,
    )
    with RichProgress() as progress:
        document = carry_out(request, progress)
    if as_json:
        print(json.dumps(document, indent=2))
    else:
        bisect_summary(document)
    if not document["passes"]:
        raise typer.Exit(3)
