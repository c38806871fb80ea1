"""Canonical ONNX → the source of a JAX function."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from interop.converters.jax.lowerings.common import FLOATS, FLOATS8, SMALL
from interop.converters.jax.table import LOWERINGS

from interop.source.expression import literal
from interop.source.module import Source, functions_in, used_functions
from interop.source.printer import Body, Style, print_graph

_HELPERS = Path(__file__).with_name("helpers")

_HEADER = '''"""{title}

Converted from ONNX. It needs jax and safetensors, nothing else:

    params, constants = load()  # reads weights.safetensors beside this file
    apply(params, constants, {arguments})  # a dict of results

`params` are what training would change: jax.grad over `apply` is by them.
"""

{imports}'''

_WIDE = """
# The model has 64-bit numbers, which JAX narrows unless told.
jax.config.update("jax_enable_x64", True)
"""

_FOOTER = '''

def load(path=Path(__file__).with_name("weights.safetensors")):
    """The weights in `path` by name: those that training would change, and the others."""
    with safe_open(path, framework="flax") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}
    constants = {name: weights.pop(name) for name in CONSTANTS}
    return weights, constants
'''

#: What a module may import, by the name that it is used by.
_IMPORTS = {
    "itertools": "import itertools",
    "math": "import math",
    "Path": "from pathlib import Path",
    "jax": "import jax",
    "jnp": "import jax.numpy as jnp",
    "np": "import numpy as np",
    "lax": "from jax import lax",
    "safe_open": "from safetensors import safe_open",
}

_OWN = ("params", "constants", "apply", "load", "CONSTANTS", "INPUTS")
_BUILTIN = ("int", "tuple", "list", "len", "float")
_RESERVED = frozenset([*_IMPORTS, *_OWN, *_BUILTIN])

#: Inputs that hold what is measured, not learnt.
_MEASURED = {
    "BatchNormalization": (3, 4),
    "DequantizeLinear": (1, 2),
    "QuantizeLinear": (1, 2),
    "Resize": (1, 2),
}


def lower(model: ir.Model) -> Source:
    """The source of `model` (canonical).

    Raises NotLowered with every node that cannot be lowered.
    """
    helpers = functions_in(_HELPERS)
    measured = _measured(model)
    constants: list[str] = []

    def weight(name: str, array: np.ndarray) -> str:
        learnt = array.dtype.name in FLOATS and name.split(":")[0] not in measured
        if not learnt:
            constants.append(name)
        text = f"{'params' if learnt else 'constants'}[{name!r}]"
        if array.dtype.name in FLOATS8:  # stored as bytes
            return f"lax.bitcast_convert_type({text}, jnp.{array.dtype.name})"
        if array.dtype.name in SMALL:
            return f"{text}.astype(jnp.{array.dtype.name})"
        return text

    style = Style(
        _RESERVED | helpers.keys(), _inline, sizes=_sizes, eager=True, weight=weight, depth=1
    )
    body = print_graph(model, LOWERINGS, style)
    weights = {name: _storable(array) for name, array in body.weights.items()}
    module = "\n".join([*_apply(body), _FOOTER.rstrip()])
    used = used_functions(module, helpers)
    tables = "\n".join([*_specs(model, body), "", *_constants(constants)])
    code = "\n\n\n".join([tables, *used, module])
    wide = _is_wide(code, model, weights)
    title = (model.graph.name or "A model").replace('"', "'").replace("\\", "/")
    header = _HEADER.format(
        title=title, arguments=", ".join(body.inputs.values()), imports=_imports(code, wide)
    )
    text = header + (_WIDE if wide else "") + "\n" + code + "\n"
    return Source(text, weights, body.inputs, body.outputs)


def _inline(array: np.ndarray) -> str | None:
    """Small integers and single numbers are clearer in the source than among the weights.

    They are NumPy's, so that a trace still knows their values.
    """
    integral = array.dtype.kind in "iub" and array.size <= 16
    if not (integral or array.ndim == 0) or array.dtype.kind not in "biuf":
        return None
    name = array.dtype.name
    usual = name == "bool" or (array.size and name == "int64")
    text = literal(array) if usual else f"{literal(array)}, dtype=np.{name}"
    shaped = f".reshape({tuple(array.shape)})" if array.size == 0 and array.shape != (0,) else ""
    return f"np.array({text}){shaped}"


def _sizes(value: Any, dtype: str) -> str:
    return f"jnp.array({literal(value)}, dtype=jnp.{dtype})"


def _storable(array: np.ndarray) -> np.ndarray:
    if array.dtype.name in FLOATS8:
        return array.view(np.uint8)
    return array.astype(SMALL.get(array.dtype.name, array.dtype))


def _apply(body: Body) -> list[str]:
    return [
        f"def apply({', '.join(['params', 'constants', *body.inputs.values()])}):",
        *body.lines,
        "    return {",
        *(f"        {key!r}: {result}," for key, result in body.results.items()),
        "    }",
    ]


def _specs(model: ir.Model, body: Body) -> list[str]:
    """What the inputs are, as a table that the module carries."""
    lines = [
        "#: Inputs of the model: dtype and shape; words are sizes that may vary.",
        "INPUTS = {",
    ]
    for value in model.graph.inputs:
        assert value.name is not None
        assert value.dtype is not None
        shape = None
        if value.shape is not None:
            shape = [dim if isinstance(dim, int) else dim.value for dim in value.shape]
        spec = (value.dtype.numpy().name, shape)
        lines.append(f"    {body.inputs[value.name]!r}: {spec!r},")
    return [*lines, "}"]


def _constants(names: list[str]) -> list[str]:
    head = "#: Weights that training would not change: what was measured, indices, and the like."
    if not names:
        return [head, "CONSTANTS = []"]
    return [head, "CONSTANTS = [", *(f"    {name!r}," for name in names), "]"]


def _imports(code: str, wide: bool) -> str:
    needed = [
        line
        for name, line in _IMPORTS.items()
        if re.search(rf"\b{name}\b", code) or (wide and name == "jax")
    ]
    own = [line for line in needed if "jax" not in line and "np" not in line and "safe" not in line]
    others = [line for line in needed if line not in own]
    return "\n".join([*own, "", *others]) + "\n" if own else "\n".join(others) + "\n"


def _is_wide(code: str, model: ir.Model, weights: dict[str, np.ndarray]) -> bool:
    """Whether 64-bit numbers occur that conversion could not turn into Python's own."""
    kinds = {value.dtype for value in (*model.graph.inputs, *model.graph.outputs)}
    wide = {ir.DataType.INT64, ir.DataType.UINT64, ir.DataType.DOUBLE}
    stored = any(array.dtype.itemsize == 8 for array in weights.values())
    return bool(kinds & wide) or stored or re.search(r"\.(u?int|float)64\b", code) is not None


def _measured(model: ir.Model) -> frozenset[str]:
    """The weights that training would not change."""
    found = set()
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        for index in _MEASURED.get(node.op_type, ()):
            if index < len(node.inputs) and node.inputs[index] is not None:
                found.add(node.inputs[index].name or "")  # type: ignore[union-attr]
    return frozenset(found)
