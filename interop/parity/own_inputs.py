"""The user's own inputs, from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from interop.errors import UsageError
from interop.parity.sets import InputSet, check
from interop.parity.values import Array
from interop.signature import Signature


def load_input_sets(path: Path, signature: Signature) -> tuple[InputSet, ...]:
    """The user's own inputs from an .npz: one array per input name makes one set, names of the
    form "label/name" make a set for each label.

    Raises UsageError where the file cannot be read, or names, dtypes or shapes do not match.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            loaded = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, AttributeError) as error:
        raise UsageError(
            f"{path} cannot be read as .npz input: {error}",
            hint="Save plain arrays with numpy.savez(path, input_name=array, ...).",
        ) from error
    names = {spec.name for spec in signature.inputs}
    groups: dict[str, dict[str, Array]] = {}
    for key, array in loaded.items():
        label, name = ("inputs", key) if key in names else _split(key)
        groups.setdefault(label, {})[name] = array
    if not groups:
        raise UsageError(f"{path} holds no arrays", hint=f"It needs: {', '.join(sorted(names))}.")
    return tuple(_validated(label, arrays, signature, path) for label, arrays in groups.items())


def _split(key: str) -> tuple[str, str]:
    label, _, name = key.partition("/")
    return (label, name) if name else ("inputs", key)


def _validated(label: str, arrays: dict[str, Array], signature: Signature, path: Path) -> InputSet:
    wanted = [spec.name for spec in signature.inputs]
    if set(arrays) != set(wanted):
        missing = sorted(set(wanted) - set(arrays))
        extra = sorted(set(arrays) - set(wanted))
        raise UsageError(
            f"{path} ({label}): inputs missing: {missing or 'none'}, unknown: {extra or 'none'}",
            hint=f"The model takes: {', '.join(wanted)}.",
        )
    resolved: dict[str, int] = {}
    for spec in signature.inputs:
        check(spec, arrays[spec.name], resolved, f"{path} ({label})")
    return InputSet(label, {name: arrays[name] for name in wanted})
