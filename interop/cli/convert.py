"""`interop convert`: one line from a model in one framework to a proved artifact in another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from interop.cli.options import (
    Force,
    From,
    Inputs,
    Model,
    OwnInputs,
    Seed,
    SignatureName,
    Sizes,
    Timeout,
    Trust,
    Verbose,
    Weights,
    read_inputs,
    read_sizes,
)


def convert(
    model: Model,
    target: Annotated[str, typer.Option("--to", help="The framework to convert to, e.g. tf.")],
    source: From = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to write. [default: ./<model>-<target>]"),
    ] = None,
    force: Force = False,
    inputs: Inputs = None,
    data: OwnInputs = None,
    sizes: Sizes = None,
    signature: SignatureName = None,
    weights: Weights = None,
    channels_last: Annotated[
        bool,
        typer.Option("--channels-last", help="Images go in and out of the artifact as NHWC."),
    ] = False,
    precision: Annotated[
        str,
        typer.Option(help="float32, or for tflite float16 or int8 (calibrated on --data)."),
    ] = "float32",
    opset: Annotated[
        int | None,
        typer.Option(help="Of an ONNX file. [default: the oldest that has all its operators]"),
    ] = None,
    trust: Trust = False,
    seed: Seed = 0,
    timeout: Timeout = 1800.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest as JSON.")] = False,
    verbose: Verbose = False,
) -> None:
    """Convert MODEL, prove that the result computes the same thing, and write both down."""
    from interop.conversion import Request, run
    from interop.report.terminal import RichProgress, conversion_summary

    request = Request(
        model=model,
        source=source,
        target=target,
        output=output,
        force=force,
        inputs=read_inputs(inputs),
        data=data,
        sizes=read_sizes(sizes),
        signature=signature,
        weights=weights,
        channels_last=channels_last,
        precision=precision,
        opset=opset,
        trust=trust,
        seed=seed,
        timeout=timeout,
        verbose=verbose,
    )
    with RichProgress() as progress:
        conversion = run(request, progress)
    if as_json:
        print(json.dumps(conversion.manifest, indent=2))
    else:
        conversion_summary(conversion)
    if not conversion.passed:
        raise typer.Exit(3)
