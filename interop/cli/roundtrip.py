"""`interop roundtrip`: through several frameworks and back, and what each hop cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def roundtrip(
    model: Annotated[
        str, typer.Argument(help="A zoo name, a file or folder, or package.module:callable.")
    ],
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
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output.")] = False,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", help="An input, e.g. 'x:float32[batch,3,224,224]'. Repeatable."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="Inputs of your own to compare on: an .npz, an .npy, a folder of ONNX test data, or "
            "package.module:callable that yields mappings of arrays.",
        ),
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
    """Carry MODEL from framework to framework, each time by what was written last.

    Every artifact is held against the one before it and against the very first.
    """
    from interop.cli.convert import parse_input, parse_size
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
        inputs=tuple(parse_input(text) for text in inputs or ()),
        data=data,
        sizes=dict(parse_size(text) for text in sizes or ()),
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
