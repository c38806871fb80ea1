"""The guest that runs a user's generator of inputs and writes down what it yields.

It runs on the host's own interpreter, apart from the host: see interop/parity/inputs/generated.py.
"""

from __future__ import annotations

import importlib
import inspect
import os
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from interop.workers.failures import GuestFailure
from interop.workers.tensors import write_tensors

HINT = "It is to yield mappings of NumPy arrays by input name, such as {'x': array}."


def draw(reference: str, folder: str, most: int, seed: int) -> dict[str, Any]:
    """Write at most `most` of the mappings that `reference` yields, each into a folder of its own;
    "more" says whether there would be others."""
    folders: list[str] = []
    for number, item in enumerate(_items(reference, seed)):
        if number == most:
            return {"folders": folders, "more": True}
        target = os.path.join(folder, str(number))
        write_tensors(target, _arrays(f"{reference}, item {number}", item))
        folders.append(target)
    if not folders:
        raise GuestFailure("UsageError", f"{reference} yielded nothing", HINT)
    return {"folders": folders, "more": False}


def _items(reference: str, seed: int) -> Iterator[Any]:
    function = _find(reference)
    try:
        seeded = "seed" in inspect.signature(function).parameters
        found = function(seed=seed) if seeded else function()
    except Exception as error:
        raise _failed(f"{reference} failed when it was called", error) from error
    if isinstance(found, Mapping) or not hasattr(found, "__iter__"):
        raise GuestFailure("UsageError", f"{reference} returned {_kind(found)}: no mappings", HINT)
    iterator, number = iter(found), 0
    while True:
        try:
            item = next(iterator)
        except StopIteration:
            return
        except Exception as error:
            raise _failed(f"{reference} failed at item {number}", error) from error
        yield item
        number += 1


def _find(reference: str) -> Any:
    module, _, name = reference.partition(":")
    try:
        function: Any = importlib.import_module(module)
        for part in name.split("."):
            function = getattr(function, part)
    except Exception as error:
        raise _failed(f"{reference} cannot be loaded", error) from error
    if not callable(function):
        raise GuestFailure("UsageError", f"{reference} is {_kind(function)}, no function", HINT)
    return function


def _arrays(where: str, item: Any) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        raise GuestFailure("UsageError", f"{where}: {_kind(item)} is no mapping", HINT)
    if not item:
        raise GuestFailure("UsageError", f"{where}: the mapping is empty", HINT)
    arrays = {}
    for name, value in item.items():
        if not isinstance(name, str):
            raise GuestFailure("UsageError", f"{where}: the key {name!r} is no name", HINT)
        try:
            array = np.asarray(value)
        except Exception as error:
            raise _failed(f"{where}: {name!r} cannot be made an array", error) from error
        if array.dtype.kind not in "biufc" and array.dtype.isbuiltin != 2:  # 2: as bfloat16 is
            message = f"{where}: {name!r} is {_kind(value)}, no array of numbers"
            raise GuestFailure("UsageError", message, HINT)
        arrays[name] = array
    return arrays


def _kind(value: Any) -> str:
    return f"a value of type {type(value).__name__}"


def _failed(what: str, error: Exception) -> GuestFailure:
    lines = traceback.format_exception(error)
    message = f"{what}: {type(error).__name__}: {error}"
    return GuestFailure(
        "UsageError", message, "Call it in Python first. " + HINT, "".join(lines[-4:]).rstrip()
    )


OPERATIONS = {"draw": draw}
