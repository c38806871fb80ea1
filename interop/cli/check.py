"""`interop check`: whether a model computes the same function on several backends, or as others do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def check(
    model: Annotated[
        str, typer.Argument(help="A zoo name, a file or folder, or package.module:callable.")
    ],
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
    source: Annotated[
        str | None,
        typer.Option("--from", help="The framework it comes from; a file's ending can say it."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File for the record, as JSON.")
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
            help="Inputs of your own: .npz, .npy, ONNX test data, package.module:callable.",
        ),
    ] = None,
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
    sizes: Annotated[
        list[str] | None,
        typer.Option("--size", help="Size of a dynamic dimension, e.g. sequence=128. Repeatable."),
    ] = None,
    signature: Annotated[
        str | None,
        typer.Option(
            "--signature", help="Which signature of a SavedModel or TFLite file, if it has several."
        ),
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
    """Run MODEL on every backend of --on, and grade each against the float64 truth of the model.

    A backend that does not run costs only its own row; the exit code is 3 where one computes
    something else, or else that of the first error.
    """
    from interop.backends import parse_list
    from interop.checks import CheckRequest, run
    from interop.cli.convert import parse_input, parse_size
    from interop.conversion import Request
    from interop.report.check import check_summary
    from interop.report.terminal import RichProgress

    request = CheckRequest(
        Request(
            model=model,
            target="",
            source=source,
            inputs=tuple(parse_input(text) for text in inputs or ()),
            data=data,
            non_finite=non_finite,
            wide=wide,
            sizes=dict(parse_size(text) for text in sizes or ()),
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
    )
    with RichProgress() as progress:
        done = run(request, progress)
    if as_json:
        print(json.dumps(done.document, indent=2))
    else:
        check_summary(done)
    if done.exit_code:
        raise typer.Exit(done.exit_code)
