"""Canonical ONNX → the source of a Keras functional model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from interop.converters.keras.rewriting import join_biases, keep_batches, swap_axes
from interop.converters.keras.table import LOWERINGS

from interop.source.expression import literal
from interop.source.module import Source, functions_in, used_functions
from interop.source.printer import Body, NotLowered, Style, print_graph

_HELPERS = Path(__file__).with_name("helpers")

_HEADER = '''"""{title}

Converted from ONNX. It needs Keras (on any of its backends) and safetensors, nothing else:

    model = load()          # reads weights.safetensors beside this file
    model([{arguments}])    # a dict of results
"""

from pathlib import Path

import keras
import numpy as np
from keras import layers, ops
from safetensors import safe_open
'''

_FOOTER = '''

def load(path=Path(__file__).with_name("weights.safetensors")):
    """The functional model with the weights in `path`."""
    with safe_open(path, framework="numpy") as file:
        return build(file.get_tensor)
'''

_NAMES = "keras np layers ops safe_open Path load build weight start float len list zip"

_RESERVED = frozenset(_NAMES.split())

#: What no functional model can do: Python arithmetic on a size that is None until it runs.
_DYNAMIC = re.compile(r"\w\.shape\[\d+\]")


def lower(model: ir.Model) -> Source:
    """The source of `model` (canonical, through the channels-last layout pass).

    Raises NotLowered with every node that cannot be lowered.
    """
    helpers = functions_in(_HELPERS)
    swap_axes(model)
    join_biases(model)
    keep_batches(model)
    style = Style(_RESERVED | helpers.keys(), _inline, sizes=_sizes)
    body = print_graph(model, LOWERINGS, style)
    body = replace(body, lines=_without_sizes(body.lines))
    module = _module(model, body)
    used = used_functions(module, helpers)
    title = (model.graph.name or "A model").replace('"', "'").replace("\\", "/")
    header = _HEADER.format(title=title, arguments=", ".join(body.inputs.values()))
    text = "\n\n\n".join([header.rstrip(), *used, module + _FOOTER.rstrip()]) + "\n"
    return Source(text, body.weights, body.inputs, body.outputs)


def _inline(array: np.ndarray) -> str | None:
    """All but floats, and single numbers, stand in the source; floats are weights."""
    if array.dtype.kind == "f" and array.size != 1:
        return None
    if array.dtype.kind not in "fiub" or array.size > 4096:
        return None
    shaped = f".reshape({literal(list(array.shape))})" if array.size == 0 else ""
    return f"np.array({literal(array)}, {array.dtype.name!r}){shaped}"


def _sizes(value: Any, dtype: str) -> str:
    return f"np.array({literal(value)}, {dtype!r})"


def _without_sizes(lines: Sequence[str]) -> tuple[str, ...]:
    """The statements without those that only name dynamic sizes, which lowerings may not need.

    Raises NotLowered where one is needed.
    """
    kept: list[str] = []
    for line in reversed(lines):
        if not _DYNAMIC.search(line):
            kept.append(line)
            continue
        name = line.split(" = ")[0].strip()
        if any(re.search(rf"\b{name}\b", later) for later in kept):
            why = f"'{name}' needs a dynamic size as a number, which a functional model has not"
            raise NotLowered({name: why})
    return tuple(reversed(kept))


def _module(model: ir.Model, body: Body) -> str:
    lines = ["def build(weight):", '    """The model, its layers holding `weight(name)`."""']
    for value in model.graph.inputs:
        assert value.name is not None
        assert value.dtype is not None
        if value.shape is None:
            raise NotLowered({value.name: f"input '{value.name}': its rank is not known"})
        shape = tuple(dim if isinstance(dim, int) else None for dim in value.shape)
        name = body.inputs[value.name]
        dtype = value.dtype.numpy().name
        given = f"batch_shape={literal(shape)}, dtype={dtype!r}, name={name!r}"
        lines.append(f"    {name} = keras.Input({given})")
    statements, constants = _weights(body)
    if constants and not body.inputs:
        raise NotLowered({"graph": "a functional model has at least one input"})
    if constants:
        first = next(iter(body.inputs.values()))
        lines.append(f"    start = start_of({first})")
    lines += constants
    lines += [line.removeprefix("    ") for line in statements]
    lines += [
        "    return keras.Model(",
        f"        [{', '.join(body.inputs.values())}],",
        "        {",
    ]
    lines += [f"            {key!r}: {result}," for key, result in _results(body).items()]
    lines += ["        },", "    )"]
    return "\n".join(_named_once(lines))


def _results(body: Body) -> dict[str, str]:
    return {
        key: _ATTRIBUTE.sub(lambda found: found[1], result) for key, result in body.results.items()
    }


_ATTRIBUTE = re.compile(r"\bself\.(\w+)")
_RAW = re.compile(r"\braw\(self\.(\w+)\)")


def _weights(body: Body) -> tuple[list[str], list[str]]:
    """The statements with arrays for layers spelled out, and those that make the other constants."""

    def given(found: re.Match[str]) -> str:
        return f"weight({body.attributes[f'self.{found[1]}']!r})"

    spelled = [_RAW.sub(given, line) for line in body.lines]
    spelled = [re.sub(r"\braw\((np\.array\(.*?\))\)", r"\1", line) for line in spelled]
    wanted: dict[str, None] = {}
    for line in [*spelled, *body.results.values()]:
        wanted.update(dict.fromkeys(_ATTRIBUTE.findall(line)))
    constants = []
    for name in wanted:
        key = body.attributes[f"self.{name}"]
        if body.weights[key].dtype.kind == "f" or body.weights[key].dtype.name == "bfloat16":
            constants.append(f"    {name} = constant(weight({key!r}), start, name={name!r})")
        else:
            constants.append(f"    {name} = weight({key!r})")
    return [_ATTRIBUTE.sub(lambda found: found[1], line) for line in spelled], constants


def _named_once(lines: Sequence[str]) -> list[str]:
    """Every layer's name once, as Keras wants it."""
    seen: dict[str, int] = {}

    def once(found: re.Match[str]) -> str:
        name = found[1]
        seen[name] = seen.get(name, 0) + 1
        unique = name if seen[name] == 1 else f"{name}_{seen[name] - 1}"
        while seen[name] > 1 and unique in seen:
            seen[name] += 1
            unique = f"{name}_{seen[name] - 1}"
        seen.setdefault(unique, 1)
        return f"name={unique!r}"

    return [re.sub(r"name='(\w+)'", once, line) for line in lines]
