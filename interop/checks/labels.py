"""The user's labels: what is right for each row of the inputs, read and paired with an output."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from interop.errors import UsageError
from interop.proof import Plan
from interop.workers.tensors import read_tensors

Array = np.ndarray[Any, Any]

_FORMS = (
    'Give class numbers as an .npy (one a row), an .npz by output name, or by "set/output", or a '
    ".csv with one a line (or a column called label)."
)


@dataclass(frozen=True)
class Labels:
    """output → the labels of each set of inputs, in the plan's order."""

    by_output: Mapping[str, tuple[Array, ...]]


def check_inputs(labels: Path | None, *, own: bool) -> None:
    """Raise UsageError where there are labels, and no inputs of the user's `own` that they are of."""
    if labels is not None and not own:
        raise UsageError(
            "--labels says what is right for your own inputs, and there are none",
            hint="Give them, too: --data inputs.npz.",
        )


def read_labels(path: Path, plan: Plan, outputs: Sequence[str]) -> Labels:
    """The labels in `path` for the plan's inputs, of which the folders `outputs` have the right results.

    An array without a name is for all the sets in a row, and for the one output that it goes with.
    Raises UsageError where they cannot be read, are no whole numbers, or go with no output.
    """
    given = _read(path)
    if None in given:
        return Labels(_unnamed(path, given[None], outputs))
    names = [spec.name for spec in plan.signature.outputs]
    by_output: dict[str, tuple[Array, ...]] = {}
    for name in names:
        parts = [given.get(f"{one.label}/{name}") for one in plan.sets]
        if all(part is not None for part in parts):
            by_output[name] = tuple(part for part in parts if part is not None)
        elif name in given:
            by_output[name] = _split(path, given[name], outputs, name)
    used = {*by_output, *(f"{one.label}/{name}" for one in plan.sets for name in by_output)}
    unknown = [str(key) for key in given if key not in used]
    if unknown or not by_output:
        raise UsageError(
            f"{path} has labels for {', '.join(unknown) or 'nothing'}, which is no output of every set",
            hint=f"The model gives {', '.join(names)} on the sets "
            f"{', '.join(one.label for one in plan.sets)}.",
        )
    return Labels(by_output)


def _read(path: Path) -> dict[str | None, Array]:
    try:
        if path.suffix == ".csv":
            return {None: _column(path)}
        with open(path, "rb") as file:
            loaded = np.load(file, allow_pickle=False)
            arrays: dict[str | None, Array] = (
                {None: loaded} if isinstance(loaded, np.ndarray) else {n: loaded[n] for n in loaded.files}
            )  # fmt: skip
    except (OSError, ValueError, EOFError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as labels: {error}", hint=_FORMS) from error
    return {name: _whole(path, array) for name, array in arrays.items()}


def _column(path: Path) -> Array:
    """Raises ValueError where there is not one column of whole numbers to be found."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if row]
    if not rows:
        raise ValueError("it is empty")
    heads = [cell.strip().lower() for cell in rows[0]]
    if all(not cell.lstrip("-").isdigit() for cell in heads):
        rows, named = rows[1:], [i for i, cell in enumerate(heads) if cell in ("label", "labels")]
        at = named[0] if named else 0 if len(heads) == 1 else None
    else:
        at = 0 if len(heads) == 1 else None
    if at is None:
        raise ValueError(f"it has {len(heads)} columns, and none of them is called label")
    return np.array([int(row[at]) for row in rows], dtype=np.int64)


def _whole(path: Path, array: Array) -> Array:
    if array.dtype.kind not in "iub" or not array.size:
        raise UsageError(
            f"{path} holds labels of type {array.dtype.name} and shape {list(array.shape)}: they are to "
            "be class numbers",
            hint=_FORMS,
        )
    return array.astype(np.int64)


def _split(path: Path, array: Array, outputs: Sequence[str], name: str) -> tuple[Array, ...]:
    """By the rows that each set has."""
    rows = [read_tensors(folder)[name].shape[:1] for folder in outputs]
    counts = [row[0] if row else 1 for row in rows]
    if array.ndim == 0 or array.shape[0] != sum(counts):
        raise UsageError(
            f"{path} holds labels {list(array.shape)}, but output {name!r} has {sum(counts)} rows",
            hint="One label a row, in the order of the inputs.",
        )
    return tuple(np.split(array, np.cumsum(counts)[:-1]))


def _unnamed(path: Path, array: Array, outputs: Sequence[str]) -> dict[str, tuple[Array, ...]]:
    first = read_tensors(outputs[0])
    fitting = [name for name, output in first.items() if goes_with(array, output)]
    if len(fitting) != 1:
        shapes = ", ".join(f"{name} {list(output.shape)}" for name, output in first.items())
        which = "several outputs" if fitting else "no output"
        raise UsageError(
            f"labels {list(array.shape)} in {path} go with {which}: {shapes}",
            hint="Name the output: numpy.savez('labels.npz', output_name=labels).",
        )
    return {fitting[0]: _split(path, array, outputs, fitting[0])}


def goes_with(labels: Array, output: Array) -> bool:
    """Whether labels, all sets in a row, can be of `output` on one of them: scores, or classes."""
    if output.dtype.kind in "iu":
        return labels.ndim == output.ndim and labels.shape[1:] == output.shape[1:]
    return (
        labels.ndim == output.ndim - 1
        and output.shape[-1] > 1
        and labels.shape[1:] == output.shape[1:-1]
    )
