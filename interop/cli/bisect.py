"""`interop bisect`: the first node that goes wrong, on a backend or in another graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


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
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output.")] = False,
    layers: Annotated[
        bool, typer.Option("--layers", help="Show every node by itself, and search for none.")
    ] = False,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", help="An input, e.g. 'x:float32[batch,3,224,224]'. Repeatable."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Inputs of your own: .npz, .npy, ONNX test data.")
    ] = None,
    sizes: Annotated[
        list[str] | None,
        typer.Option("--size", help="Size of a dynamic dimension, e.g. sequence=128. Repeatable."),
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Allow opening pickles, which run the code they carry.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the inputs and perturbations.")] = 0,
    timeout: Annotated[
        float, typer.Option(help="Seconds that one step of a worker may take.")
    ] = 1800.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show what the frameworks print.")
    ] = False,
) -> None:
    """Name the first node of MODEL that goes wrong, with the smallest model that still shows it."""
    from interop.backends import parse
    from interop.bisect.command import BisectRequest, carry_out
    from interop.cli.convert import parse_input, parse_size
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
            inputs=tuple(parse_input(text) for text in inputs or ()),
            data=data,
            sizes=dict(parse_size(text) for text in sizes or ()),
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
