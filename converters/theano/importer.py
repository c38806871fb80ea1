"""Canonical ONNX → the source of a Theano graph."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from interop.converters.theano.lowerings.common import DTYPES, written
from interop.converters.theano.table import LOWERINGS

from interop.source.expression import literal
from interop.source.module import Source, functions_in, used_functions
from interop.source.printer import Body, NotLowered, Style, print_graph
from interop.source.values import Refusal

_HELPERS = Path(__file__).with_name("helpers")

_HEADER = '''"""{title}

Converted from ONNX. It needs Theano 1.0 and safetensors, nothing else:

    inputs, outputs = load()  # reads weights.safetensors beside this file
    function = theano.function(list(inputs.values()), outputs)
    function({arguments})  # a dict of results
"""

import os

import numpy as np
import theano
import theano.tensor as T
from safetensors.numpy import load_file
'''

#: What a module imports where it names it.
_IMPORTS = {
    r"\bifelse\(": "from theano.ifelse import ifelse\n",
    r"\bpool_[23]d\(": "from theano.tensor.signal.pool import pool_2d, pool_3d\n",
}

_FOOTER = '''

def load(path=os.path.join(os.path.dirname(os.path.abspath(__file__)), "weights.safetensors")):
    """Inputs and results, as Theano's variables by name. The weights in `path` are shared variables,
    which theano.grad takes."""
    params = {
        name: theano.shared(array, name, broadcastable=[size == 1 for size in array.shape])
        for name, array in load_file(path).items()
    }
    inputs = {
        name: T.TensorType(dtype, [size == 1 for size in shape])(name)
        for name, (dtype, shape) in INPUTS.items()
    }
    return inputs, build(params, *inputs.values())
'''

_NAMES = """
os np theano T load_file ifelse pool_2d pool_3d params inputs INPUTS build load list len range float
isinstance min tuple slice zip
"""

_RESERVED = frozenset(_NAMES.split())


def lower(model: ir.Model) -> Source:
    """The source of `model` (canonical).

    Raises NotLowered with every node that cannot be lowered, and every input and result of a dtype
    that Theano has not.
    """
    helpers = functions_in(_HELPERS)
    _check(model)
    style = Style(
        _RESERVED | helpers.keys(), _inline, sizes=_sizes,
        weight=lambda name, _: f"params[{name!r}]", depth=1,
    )  # fmt: skip
    body = print_graph(model, LOWERINGS, style)
    module = "\n".join([*_build(body), _FOOTER.rstrip()])
    used = used_functions(module, helpers)
    title = (model.graph.name or "A model").replace('"', "'").replace("\\", "/")
    header = _HEADER.format(title=title, arguments=", ".join(body.inputs.values()))
    code = "\n\n\n".join([*used, module])
    header += "".join(line for name, line in _IMPORTS.items() if re.search(name, code))
    text = "\n\n\n".join([f"{header}\n" + "\n".join(_table(model, body)), code]) + "\n"
    return Source(text, body.weights, body.inputs, body.outputs)


def _inline(array: np.ndarray) -> str | None:
    """Single numbers and a few integers are clearer in the source than among the weights."""
    if array.dtype.name not in DTYPES:
        raise Refusal(f"Theano has no {array.dtype.name}")
    few = array.dtype.kind in "iub" and array.size <= 16
    return written(array).text if few or array.ndim == 0 or array.size == 0 else None


def _sizes(value: Any, dtype: str) -> str:
    return f"T.cast(T.as_tensor_variable({literal(value)}), {dtype!r})"


def _check(model: ir.Model) -> None:
    wrong = {}
    for value in (*model.graph.inputs, *model.graph.outputs):
        name = "" if value.dtype in (None, ir.DataType.UNDEFINED) else str(value.dtype.numpy())  # type: ignore[union-attr]
        if name not in DTYPES:
            wrong[value.name or ""] = f"'{value.name}': Theano has no {name or 'such value'}"
    if wrong:
        raise NotLowered(wrong)


def _table(model: ir.Model, body: Body) -> list[str]:
    lines = [
        "#: Inputs of the model: dtype and shape; words are sizes that may vary.",
        "INPUTS = {",
    ]
    for value in model.graph.inputs:
        assert value.name is not None
        assert value.dtype is not None
        shape = [dim if isinstance(dim, int) else dim.value for dim in value.shape or ()]
        lines.append(f"    {body.inputs[value.name]!r}: {(value.dtype.numpy().name, shape)!r},")
    return [*lines, "}"]


def _build(body: Body) -> list[str]:
    return [
        f"def build({', '.join(['params', *body.inputs.values()])}):",
        '    """The results by name."""',
        *body.lines,
        "    return {",
        *(f"        {key!r}: {_variable(result)}," for key, result in body.results.items()),
        "    }",
    ]


def _variable(text: str) -> str:
    """A result; a constant is a number of NumPy's in the source."""
    return text if text.isidentifier() else f"T.as_tensor_variable({text})"
