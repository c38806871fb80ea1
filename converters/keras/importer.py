"""Canonical ONNX → the source of a Keras functional model."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from interop.converters.keras.layers import automatic_names, name_once, share_layers
from interop.converters.keras.rewriting import join_biases, keep_batches, tie_heads
from interop.converters.keras.table import LOWERINGS

from interop.source.expression import Expression, literal
from interop.source.module import Source, functions_in, used_functions
from interop.source.printer import Body, NotLowered, Style, print_graph

_HELPERS = Path(__file__).with_name("helpers")

_HEADER = '''"""{title}

Converted from ONNX. It needs Keras (on any of its backends) and safetensors, nothing else:

    model = load()          # reads weights.safetensors beside this file
    model([{arguments}])    # a dict of results
"""

import math
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

_NAMES = "keras math np layers ops safe_open Path load build weight start float len list zip"

_RESERVED = frozenset(_NAMES.split())

#: A size that is None while the model is built; a tensor has it when the model runs.
_DYNAMIC = re.compile(r"\b(\w+)\.shape\[(\d+)\]")


def lower(model: ir.Model) -> Source:
    """The source of `model` (canonical, through the channels-last layout pass).

    Raises NotLowered with every node that cannot be lowered.
    """
    helpers = functions_in(_HELPERS)
    join_biases(model)
    tie_heads(model)
    keep_batches(model)
    body = _printed(model, helpers.keys())
    body = replace(body, lines=_with_sizes(body.lines, _results(body).values()))
    module = _module(model, body)
    used = used_functions(module, helpers)
    title = (model.graph.name or "A model").replace('"', "'").replace("\\", "/")
    header = _HEADER.format(title=title, arguments=", ".join(body.inputs.values()))
    text = "\n\n\n".join([header.rstrip(), *used, module + _FOOTER.rstrip()]) + "\n"
    return Source(text, body.weights, body.inputs, body.outputs)


def _printed(model: ir.Model, helpers: Collection[str]) -> Body:
    """The statements; inputs by names that Keras gives to no operation of the model."""
    reserved = _RESERVED | frozenset(helpers)
    body = print_graph(model, LOWERINGS, Style(reserved, _inline, sizes=_sizes))
    automatic = automatic_names([*body.lines, "ops.size ops.reshape ops.add ops.subtract"])
    stems = {name: re.sub(r"(_\d+)+$", "", name) for name in body.inputs.values()}
    clashing = {name for name, stem in stems.items() if stem in automatic}
    if not clashing:
        return body
    taken = set(body.inputs.values())
    for value in model.graph.inputs:
        if body.inputs.get(value.name or "") in clashing:
            name = f"{value.name}_input"
            while name in taken:
                name += "_"
            value.name = name
    renamed = print_graph(model, LOWERINGS, Style(reserved, _inline, sizes=_sizes))
    inputs = dict(zip(body.inputs, renamed.inputs.values(), strict=True))
    return replace(renamed, inputs=inputs)


def _inline(array: np.ndarray) -> str | None:
    """All but floats, and single numbers, stand in the source; floats are weights."""
    if array.dtype.kind == "f" and array.size != 1:
        return None
    if array.dtype.kind not in "fiub" or array.size > 4096:
        return None
    shaped = f".reshape({literal(list(array.shape))})" if array.size == 0 else ""
    return f"np.array({literal(array)}, {array.dtype.name!r}){shaped}"


def _sizes(value: Any, dtype: str) -> str:
    if isinstance(value, Expression):
        return f"ops.cast({value.text}, {dtype!r})"
    if isinstance(value, list) and any(isinstance(size, Expression) for size in value):
        return f"vector({literal(value)}, {dtype!r})"
    return f"np.array({literal(value)}, {dtype!r})"


def _with_sizes(lines: Sequence[str], results: Collection[str]) -> tuple[str, ...]:
    """The statements with dynamic sizes as tensors, without those that name one nobody needs: neither
    another statement nor one of the results."""
    kept: list[str] = []
    needed = "".join(f"{result}\n" for result in results)
    for line in reversed(lines):
        spelled = _DYNAMIC.sub(r"size_of(\1, \2)", line)
        name = line.split(" = ")[0].strip()
        if spelled != line and name.isidentifier() and not re.search(rf"\b{name}\b", needed):
            continue
        kept.append(spelled)
        needed += spelled + "\n"
    return tuple(reversed(kept))


def _module(model: ir.Model, body: Body) -> str:
    lines = ["def build(weight):", '    """The model, its layers holding `weight(name)`."""']
    for value, name in zip(model.graph.inputs, body.inputs.values(), strict=True):
        assert value.name is not None
        assert value.dtype is not None
        if value.shape is None:
            raise NotLowered({value.name: f"input '{value.name}': its rank is not known"})
        shape = tuple(dim if isinstance(dim, int) else None for dim in value.shape)
        dtype = value.dtype.numpy().name
        given = f"batch_shape={literal(shape)}, dtype={dtype!r}, name={name!r}"
        lines.append(f"    {name} = keras.Input({given})")
    statements, constants = _weights(body)
    if not body.inputs:
        raise NotLowered({"graph": "a functional model has at least one input"})
    results = _results(body)
    known = {line.split(" = ")[0].strip() for line in body.lines if _KNOWN.search(line)}
    for key, text in results.items():  # what is known at conversion is no tensor of the model
        if text in known or not text.isidentifier():
            results[key] = f"computed({text}, start)"
    if constants or any("start)" in text for text in results.values()):
        first = next(iter(body.inputs.values()))
        lines.append(f"    start = start_of({first})")
    lines += constants
    defined, statements = share_layers([line.removeprefix("    ") for line in statements])
    lines += defined + statements
    lines += [
        "    return keras.Model(",
        f"        [{', '.join(body.inputs.values())}],",
        "        {",
    ]
    lines += [f"            {key!r}: {result}," for key, result in results.items()]
    lines += ["        },", "    )"]
    inputs_end = 2 + len(body.inputs)
    named = name_once(lines[inputs_end:], automatic_names(lines) | set(body.inputs.values()))
    return "\n".join(lines[:inputs_end] + named)


def _results(body: Body) -> dict[str, str]:
    return {
        key: _DYNAMIC.sub(r"size_of(\1, \2)", _ATTRIBUTE.sub(lambda found: found[1], result))
        for key, result in body.results.items()
    }


#: Statements whose values no input has a part in.
_KNOWN = re.compile(r" = (np\.array|\w+\()")
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
        if not body.weights[key].size:
            constants.append(f"    {name} = weight({key!r})")
        elif body.weights[key].dtype.kind == "f" or body.weights[key].dtype.name == "bfloat16":
            constants.append(f"    {name} = constant(weight({key!r}), start, name={name!r})")
        else:
            constants.append(f"    {name} = weight({key!r})")
    return [_ATTRIBUTE.sub(lambda found: found[1], line) for line in spelled], constants
