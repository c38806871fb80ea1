"""`interop convert`: one line from a model in one framework to a proved artifact in another."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from interop.signature import TensorSpec


def convert(
    model: Annotated[
        str, typer.Argument(help="A zoo name, a file or folder, or package.module:callable.")
    ],
    target: Annotated[str, typer.Option("--to", help="The framework to convert to, e.g. tf.")],
    source: Annotated[
        str | None,
        typer.Option("--from", help="The framework it comes from; a file's ending can say it."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to write. [default: ./<model>-<target>]"),
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
    signature: Annotated[
        str | None,
        typer.Option(
            "--signature", help="Which signature of a SavedModel or TFLite file, if it has several."
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="What a callable's module has learned: a state_dict, .pt or .safetensors."
        ),
    ] = None,
    channels_last: Annotated[
        bool,
        typer.Option("--channels-last", help="Images go in and out of the artifact as NHWC."),
    ] = False,
    precision: Annotated[
        str,
        typer.Option(help="float32, or for tflite float16 or int8 (calibrated on --data)."),
    ] = "float32",
    trust: Annotated[
        bool, typer.Option("--trust", help="Allow opening pickles, which run the code they carry.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the inputs and perturbations.")] = 0,
    timeout: Annotated[
        float, typer.Option(help="Seconds that one step of a worker may take.")
    ] = 1800.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest as JSON.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show what the frameworks print.")
    ] = False,
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
        inputs=tuple(parse_input(text) for text in inputs or ()),
        data=data,
        sizes=dict(parse_size(text) for text in sizes or ()),
        signature=signature,
        weights=weights,
        channels_last=channels_last,
        precision=precision,
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


def parse_input(text: str) -> TensorSpec:
    """'name:dtype[dim,dim]' → TensorSpec."""
    from interop.errors import UsageError
    from interop.signature import Dim, TensorSpec

    match = re.fullmatch(r"(?P<name>.+):(?P<dtype>\w+)\[(?P<dims>[^\]]*)\]", text.replace(" ", ""))
    if match is None:
        raise UsageError(
            f"--input {text!r} cannot be read", hint="Write it as 'x:float32[batch,3,224,224]'."
        )
    dims = [dim for dim in match["dims"].split(",") if dim]
    shape: tuple[Dim, ...] = tuple(int(dim) if dim.isdigit() else dim for dim in dims)
    return TensorSpec(match["name"], match["dtype"], shape)


def parse_size(text: str) -> tuple[str, int]:
    """'name=number' → (name, number)."""
    from interop.errors import UsageError

    name, _, number = text.rpartition("=")
    if not name or not number.isdigit() or int(number) < 1:
        raise UsageError(f"--size {text!r} cannot be read", hint="Write it as 'sequence=128'.")
    return name, int(number)
