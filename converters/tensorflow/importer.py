"""Canonical ONNX → the source of a TensorFlow module."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx_ir as ir
from interop.converters.tensorflow.lowerings.common import FLOAT8, dtype
from interop.converters.tensorflow.table import LOWERINGS

from interop.source.expression import literal
from interop.source.module import Source, functions_in, used_functions
from interop.source.printer import Body, Style, Table, print_graph

#: Operators that have a lowering; others may be expanded into their function bodies first.
COVERED = frozenset(operator for _, operator in LOWERINGS)

_HELPERS = Path(__file__).with_name("helpers")

_HEADER = '''"""{title}

Converted from ONNX. It needs TensorFlow and safetensors, nothing else:

    model = load()          # reads weights.safetensors beside this file
    model({arguments})
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
from safetensors import safe_open
'''

_FOOTER = '''

def load(path=Path(__file__).with_name("weights.safetensors")):
    """The model with the weights in `path`, read one by one."""
    with safe_open(path, framework="numpy") as file:
        return Model(file.get_tensor)
'''


def lower(
    model: ir.Model, table: Table = LOWERINGS, instead: Mapping[str, str] | None = None
) -> Source:
    """The source of `model` (canonical, through the channels-last layout pass), by that table.

    instead: helpers (name → source) that take the place of those of the same name here.

    Raises NotLowered with every node that cannot be lowered.
    """
    helpers = functions_in(_HELPERS) | dict(instead or {})
    reserved = frozenset(
        {"tf", "np", "self", "Model", "load", "safe_open", "Path", "float", "len", *helpers}
    )
    body = print_graph(model, table, Style(reserved, _inline, text=True))
    module = _module(model, body)
    used = used_functions(module, helpers)
    title = model.graph.name or "A model"
    header = _HEADER.format(
        title=title.replace('"', "'"), arguments=", ".join(body.inputs.values())
    )
    text = "\n\n\n".join([header.rstrip(), *used, module + _FOOTER.rstrip()]) + "\n"
    weights = {name: _storable(array) for name, array in body.weights.items()}
    return Source(text, weights, body.inputs, body.outputs)


def _storable(array: np.ndarray) -> np.ndarray:
    """As bytes what safetensors cannot read into NumPy."""
    return array.view(np.uint8) if array.dtype.name in FLOAT8 else array


def _inline(array: np.ndarray) -> str | None:
    """Small integers and single numbers are clearer in the source than among the weights.

    Text is nowhere else, for safetensors has none.
    """
    if array.dtype.kind in "OS":
        texts = [text.decode() if isinstance(text, bytes) else text for text in array.flat]
        return f"tf.constant({literal(texts)}, tf.string, shape={list(array.shape)})"
    integral = array.dtype.kind in "iub" and array.size <= 16
    if array.dtype.isbuiltin == 2 or not (integral or array.ndim == 0):
        return None
    if array.size == 0:
        return f"tf.constant({literal(array)}, tf.{array.dtype.name}, shape={list(array.shape)})"
    return f"tf.constant({literal(array)}, tf.{array.dtype.name})"


def _decorator(model: ir.Model, body: Body) -> list[str]:
    """tf.function, with the signature of the inputs where these are tensors.

    Sequences are lists, whose lengths no signature leaves open: each length is traced by itself.
    Nothing printed needs AutoGraph, which takes longer than all the rest on a large model.
    """
    if any(not isinstance(value.type, ir.TensorType) for value in model.graph.inputs):
        return ["    @tf.function(autograph=False)"]
    lines = ["    @tf.function(", "        input_signature=["]
    for value in model.graph.inputs:
        assert value.name is not None
        assert value.dtype is not None
        shape = None
        if value.shape is not None:
            shape = [dim if isinstance(dim, int) else None for dim in value.shape]
        name, kind = body.inputs[value.name], dtype(value.dtype.numpy().name)
        lines.append(f"            tf.TensorSpec({literal(shape)}, {kind}, name={name!r}),")
    return [*lines, "        ],", "        autograph=False,", "    )"]


def _module(model: ir.Model, body: Body) -> str:
    lines = [
        "class Model(tf.Module):",
        "    def __init__(self, weight):",
        "        super().__init__()",
    ]
    for attribute, key in body.attributes.items():
        stored = f"weight({key!r})"
        name = body.weights[key].dtype.name
        if name in FLOAT8:
            stored += f".view({dtype(name)}.as_numpy_dtype)"
            lines.append(f"        {attribute} = tf.constant({stored})")
        elif body.weights[key].dtype.kind == "f":
            name = attribute.removeprefix("self.")
            lines.append(f"        {attribute} = tf.Variable({stored}, name={name!r})")
        else:
            lines.append(f"        {attribute} = tf.constant({stored})")
    lines += ["", *_decorator(model, body)]
    lines.append(f"    def __call__(self, {', '.join(body.inputs.values())}):")
    lines += body.lines
    lines.append("        return {")
    lines += [f"            {key!r}: {result}," for key, result in body.results.items()]
    lines.append("        }")
    return "\n".join(lines)
