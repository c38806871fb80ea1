"""Canonical ONNX → the source of an MXNet symbol."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx_ir as ir
from interop.converters.mxnet.lowerings.common import DTYPES
from interop.converters.mxnet.sizes import name_sizes
from interop.converters.mxnet.table import LOWERINGS

from interop.source.expression import literal
from interop.source.module import Source, functions_in, used_functions
from interop.source.printer import Body, NotLowered, Style, print_graph

_HELPERS = Path(__file__).with_name("helpers")

_HEADER = '''"""{title}

Converted from ONNX. It needs MXNet 1.9 and safetensors, nothing else:

    model = load()          # reads weights.safetensors beside this file
    model({arguments})    # mx.np arrays; results in the order of OUTPUTS
"""

from pathlib import Path

import mxnet as mx
from mxnet.symbol import numpy as np
from mxnet.symbol import numpy_extension as npx
from safetensors import safe_open

mx.npx.set_np()  # NumPy's semantics: numbers without axes, arrays without entries, booleans
'''

_FOOTER = '''

def load(path=Path(__file__).with_name("weights.safetensors")):
    """A gluon SymbolBlock with the weights in `path`."""
    with safe_open(path, framework="numpy") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}
    params = {name: mx.sym.var(name).as_np_ndarray() for name in weights}
    inputs = [mx.sym.var(name).as_np_ndarray() for name in INPUTS]
    block = mx.gluon.SymbolBlock(build(params, *inputs), inputs)
    for name, parameter in block.collect_params().items():
        parameter.shape = weights[name].shape
        parameter.cast(weights[name].dtype)
        parameter.initialize(mx.init.Zero())  # the default draws numbers, of floats only
        parameter.set_data(mx.np.array(weights[name], dtype=weights[name].dtype))
    return block
'''

_NAMES = "mx np npx safe_open Path load build params inputs INPUTS OUTPUTS len range list float"

_RESERVED = frozenset(_NAMES.split())


def lower(model: ir.Model) -> Source:
    """The source of `model` (canonical).

    Raises NotLowered with every node that cannot be lowered.
    """
    helpers = functions_in(_HELPERS)
    model = model.clone()
    name_sizes(model)
    style = Style(
        _RESERVED | helpers.keys(), _inline, weight=lambda name, _: f"params[{name!r}]",
        depth=1,
    )  # fmt: skip
    body = print_graph(model, LOWERINGS, style)
    lines = _needed(body.lines, body.results.values())
    weights = _used(body, lines)
    _check(model, weights)
    module = "\n".join([*_build(body, lines), _FOOTER.rstrip()])
    used = used_functions(module, helpers)
    title = (model.graph.name or "A model").replace('"', "'").replace("\\", "/")
    header = _HEADER.format(title=title, arguments=", ".join(body.inputs.values()))
    tables = "\n".join(_tables(model, body))
    text = "\n\n\n".join([f"{header}\n{tables}", *used, module]) + "\n"
    return Source(text, weights, body.inputs, body.outputs)


def _inline(array: np.ndarray) -> str | None:
    """gluon's parameters have axes and entries; what has none stands in the source."""
    kind = f"dtype={array.dtype.name!r}"
    if array.size == 0:
        return f"np.zeros({literal(array.shape)}, {kind})"
    if array.ndim == 0 and array.dtype.name in DTYPES:
        return f"np.full((), {literal(array.item() if array.dtype.kind in 'biu' else array[()])}, {kind})"
    return None


def _needed(lines: Sequence[str], results: Sequence[str] | object) -> tuple[str, ...]:
    """The statements that some result needs: sizes said in MXNet's way leave others behind."""
    kept: list[str] = []
    wanted = set(re.findall(r"\w+", " ".join(results)))  # type: ignore[arg-type]
    for line in reversed(lines):
        names, _, value = line.strip().partition(" = ")
        if wanted & set(re.findall(r"\w+", names)):
            kept.append(line)
            wanted |= set(re.findall(r"\w+", value))
    return tuple(reversed(kept))


def _used(body: Body, lines: Sequence[str]) -> dict[str, np.ndarray]:
    text = "\n".join([*lines, *body.results.values()])
    return {key: body.weights[key] for shown, key in body.attributes.items() if shown in text}


def _check(model: ir.Model, weights: dict[str, np.ndarray]) -> None:
    """Raise NotLowered for inputs and weights of a dtype that MXNet has not."""
    kinds = {name: array.dtype.name for name, array in weights.items()}
    for value in model.graph.inputs:
        if value.dtype is not None and value.name is not None:
            kinds[value.name] = value.dtype.numpy().name
    wrong = {
        name: f"'{name}': MXNet has no {kind}" for name, kind in kinds.items() if kind not in DTYPES
    }
    if wrong:
        raise NotLowered(wrong)


def _tables(model: ir.Model, body: Body) -> list[str]:
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
        lines.append(f"    {body.inputs[value.name]!r}: {(value.dtype.numpy().name, shape)!r},")
    return [*lines, "}", "", f"OUTPUTS = {literal(list(body.results))}"]


def _build(body: Body, lines: Sequence[str]) -> list[str]:
    arguments = ", ".join(["params", *body.inputs.values()])
    results = [f"named({result}, {key!r})" for key, result in body.results.items()]
    returned = ["    return [", *(f"        {each}," for each in results), "    ]"]
    return [
        f"def build({arguments}):",
        '    """The results, each named as in OUTPUTS."""',
        *lines,
        *returned,
    ]
