"""What several commands ask for in the same words: their options as types, and how texts are read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from interop.signature import TensorSpec

Model = Annotated[
    str, typer.Argument(help="A zoo name, a file or folder, or package.module:callable.")
]
From = Annotated[
    str | None,
    typer.Option("--from", help="The framework it comes from; a file's ending can say it."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing output.")]
Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", help="An input, e.g. 'x:float32[batch,3,224,224]'. Repeatable."),
]
OwnInputs = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Inputs of your own: an .npz, an .npy, a folder of ONNX test data, or "
        "package.module:callable that yields mappings of arrays.",
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        help="What is right for each row of --data: class numbers in an .npy, .npz or .csv.",
    ),
]
Sizes = Annotated[
    list[str] | None,
    typer.Option("--size", help="Size of a dynamic dimension, e.g. sequence=128. Repeatable."),
]
SignatureName = Annotated[
    str | None,
    typer.Option(
        "--signature", help="Which signature of a SavedModel or TFLite file, if it has several."
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option(help="What a callable's module has learned: a state_dict, .pt or .safetensors."),
]
Trust = Annotated[
    bool, typer.Option("--trust", help="Allow opening pickles, which run the code they carry.")
]
Seed = Annotated[int, typer.Option(help="Seed of the inputs and perturbations.")]
Timeout = Annotated[float, typer.Option(help="Seconds that one step of a worker may take.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the record as JSON.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show what the frameworks print.")]


def read_inputs(texts: Iterable[str] | None) -> tuple[TensorSpec, ...]:
    """What all of --input say. Raises UsageError."""
    from interop.signature import parse_input

    return tuple(parse_input(text) for text in texts or ())


def read_sizes(texts: Iterable[str] | None) -> dict[str, int]:
    """What all of --size say. Raises UsageError."""
    return dict(parse_size(text) for text in texts or ())


def parse_size(text: str) -> tuple[str, int]:
    """'name=number' → (name, number)."""
    from interop.errors import UsageError

    name, _, number = text.rpartition("=")
    if not name or not number.isdigit() or int(number) < 1:
        raise UsageError(f"--size {text!r} cannot be read", hint="Write it as 'sequence=128'.")
    return name, int(number)
