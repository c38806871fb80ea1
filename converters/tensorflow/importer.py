"""Canonical ONNX → the source of a TensorFlow module."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnx_ir as ir
from interop.converters.tensorflow.table import LOWERINGS

from interop.source.expression import literal
from interop.source.printer import Body, Style, print_graph

#: Operators that have a lowering; others may be expanded into their function bodies first.
COVERED = frozenset(operator for _, operator in LOWERINGS)

_HEADER = '''"""{title}

Converted from ONNX. It needs TensorFlow and safetensors, nothing else:

    model = load()          # reads weights.safetensors beside this file
    model({arguments})
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
from safetensors.numpy import load_file
'''

_FOOTER = '''

def load(path=Path(__file__).with_name("weights.safetensors")):
    """The model with the weights in `path`."""
    return Model(load_file(path))
'''


@dataclass(frozen=True)
class Source:
    """A module as text, the weights that it loads, and what the model's names became."""

    text: str
    weights: dict[str, np.ndarray]
    inputs: dict[str, str]  # ONNX name → argument of the serving signature
    outputs: dict[str, str]  # ONNX name → key of its result


def lower(model: ir.Model) -> Source:
    """The source of `model` (canonical, through the channels-last layout pass).

    Raises UnsupportedOperator with every node that cannot be lowered.
    """
    helpers = _helpers()
    reserved = frozenset({"tf", "np", "self", "Model", "load", "load_file", "Path", *helpers})
    body = print_graph(model, LOWERINGS, Style(reserved, _inline))
    module = _module(model, body)
    used = _used(module, helpers)
    title = model.graph.name or "A model"
    header = _HEADER.format(
        title=title.replace('"', "'"), arguments=", ".join(body.inputs.values())
    )
    text = "\n\n\n".join([header.rstrip(), *used, module + _FOOTER.rstrip()]) + "\n"
    return Source(text, body.weights, body.inputs, body.outputs)


def _inline(array: np.ndarray) -> str | None:
    """Small integers and single numbers are clearer in the source than among the weights."""
    integral = array.dtype.kind in "iub" and array.size <= 16
    if array.dtype.kind == "V" or not (integral or array.ndim == 0):
        return None
    if array.size == 0:
        return f"tf.constant({literal(array)}, tf.{array.dtype.name}, shape={list(array.shape)})"
    return f"tf.constant({literal(array)}, tf.{array.dtype.name})"


def _module(model: ir.Model, body: Body) -> str:
    lines = [
        "class Model(tf.Module):",
        "    def __init__(self, weights):",
        "        super().__init__()",
    ]
    for attribute, key in body.attributes.items():
        stored = f"weights[{key!r}]"
        if body.weights[key].dtype.kind == "f":
            name = attribute.removeprefix("self.")
            lines.append(f"        {attribute} = tf.Variable({stored}, name={name!r})")
        else:
            lines.append(f"        {attribute} = tf.constant({stored})")
    specs = []
    for value in model.graph.inputs:
        assert value.name is not None
        assert value.dtype is not None
        shape = None
        if value.shape is not None:
            shape = [dim if isinstance(dim, int) else None for dim in value.shape]
        name = body.inputs[value.name]
        dtype = value.dtype.numpy().name
        specs.append(f"tf.TensorSpec({literal(shape)}, tf.{dtype}, name={name!r})")
    lines += ["", "    @tf.function(", "        input_signature=["]
    lines += [f"            {spec}," for spec in specs]
    lines += ["        ]", "    )"]
    lines.append(f"    def __call__(self, {', '.join(body.inputs.values())}):")
    lines += body.lines
    lines.append("        return {")
    lines += [f"            {key!r}: {result}," for key, result in body.results.items()]
    lines.append("        }")
    return "\n".join(lines)


@cache
def _helpers() -> dict[str, str]:
    """The functions below helpers/: name → source. TensorFlow is not imported to read them."""
    found = {}
    for path in sorted(Path(__file__).with_name("helpers").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef):
                found[node.name] = ast.get_source_segment(text, node) or ""
    return found


def _used(module: str, helpers: dict[str, str]) -> list[str]:
    """The helpers that `module` calls, and those that they call, in the order of the file."""
    found: set[str] = set()
    texts = [module]
    while texts:
        names = {n.id for n in ast.walk(ast.parse(texts.pop())) if isinstance(n, ast.Name)}
        new = (names & helpers.keys()) - found
        found |= new
        texts += [helpers[name] for name in new]
    return [source for name, source in helpers.items() if name in found]
