"""Canonical ONNX → the source of Caffe2's two nets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from interop.converters.caffe2.lowerings.common import DTYPES
from interop.converters.caffe2.table import LOWERINGS

from interop.source.expression import literal
from interop.source.module import Source
from interop.source.printer import Body, NotLowered, Style, print_graph
from interop.source.values import Refusal

_HEADER = '''"""{title}

Converted from ONNX. It needs Caffe2 (of torch before 1.13) and safetensors, nothing else:

    init, predict = nets()  # reads weights.safetensors beside this file
    workspace.RunNetOnce(init)
    workspace.FeedBlob({first!r}, …)
    workspace.CreateNet(predict)
    workspace.RunNet(predict.name)
"""

import os

from caffe2.python import core
from safetensors.numpy import load_file
'''

_FOOTER = '''

def nets(path=os.path.join(os.path.dirname(os.path.abspath(__file__)), "weights.safetensors")):
    """Two NetDefs: one that fills the weights, and one that computes the results from the inputs."""
    weights = load_file(path)
    init, net = core.Net("init"), core.Net("predict")
    for name, array in weights.items():
        fill = getattr(init, FILLS[array.dtype.name])
        values = array.reshape(-1).tolist()
        init.AddExternalOutput(fill([], name, shape=list(array.shape), values=values))
    net.AddExternalInput(*list(INPUTS) + list(weights))
    for name, blob in build(net, *INPUTS).items():
        net.AddExternalOutput(net.Copy([blob], name))
    return init.Proto(), net.Proto()
'''

_FILLS = {
    "float32": "GivenTensorFill", "int32": "GivenTensorIntFill", "int64": "GivenTensorInt64Fill",
    "bool": "GivenTensorBoolFill",
}  # fmt: skip

_NAMES = "core os load_file net init nets build INPUTS FILLS weights"

_RESERVED = frozenset(_NAMES.split())


def lower(model: ir.Model) -> Source:
    """The source of `model` (canonical).

    Raises NotLowered with every node that cannot be lowered, and every input and result of a dtype
    that Caffe2 has not.
    """
    _check(model)
    style = Style(_RESERVED, lambda _: None, sizes=_sizes, weight=_weight, depth=1)
    body = print_graph(model, LOWERINGS, style)
    lines = _needed(body.lines, body.results.values())
    text = "\n".join([*lines, *body.results.values()])
    weights = {key: body.weights[key] for shown, key in body.attributes.items() if shown in text}
    title = (model.graph.name or "A model").replace('"', "'").replace("\\", "/")
    header = _HEADER.format(title=title, first=next(iter(body.inputs.values()), ""))
    header += "\n" + "\n".join(_tables(model, body, weights))
    module = "\n".join([*_build(body, lines), _FOOTER.rstrip()])
    return Source("\n\n\n".join([header, module]) + "\n", weights, body.inputs, body.outputs)


def _weight(name: str, array: np.ndarray) -> str:
    if array.dtype.name not in DTYPES:
        raise Refusal(f"Caffe2 has no {array.dtype.name} here")
    return literal(name)


def _sizes(value: Any, dtype: str) -> str:
    raise Refusal("a size is used as a number")


def _needed(lines: Sequence[str], results: Iterable[str]) -> tuple[str, ...]:
    """The statements that some result needs: arithmetic of sizes has none."""
    kept: list[str] = []
    wanted = set(re.findall(r"\w+", " ".join(results)))
    for line in reversed(lines):
        names, _, value = line.strip().partition(" = ")
        if wanted & set(re.findall(r"\w+", names)):
            kept.append(line)
            wanted |= set(re.findall(r"\w+", value))
    return tuple(reversed(kept))


def _check(model: ir.Model) -> None:
    wrong = {}
    for value in (*model.graph.inputs, *model.graph.outputs):
        name = "" if value.dtype in (None, ir.DataType.UNDEFINED) else value.dtype.numpy().name  # type: ignore[union-attr]
        if name not in DTYPES:
            wrong[value.name or ""] = (
                f"'{value.name}': Caffe2 takes and gives no {name or 'such value'}"
            )
    if wrong:
        raise NotLowered(wrong)


def _tables(model: ir.Model, body: Body, weights: dict[str, np.ndarray]) -> list[str]:
    lines = [
        "#: Inputs of the model: dtype and shape; words are sizes that may vary.",
        "INPUTS = {",
    ]
    for value in model.graph.inputs:
        assert value.name is not None
        assert value.dtype is not None
        shape = [dim if isinstance(dim, int) else dim.value for dim in value.shape or ()]
        lines.append(f"    {body.inputs[value.name]!r}: {(value.dtype.numpy().name, shape)!r},")
    kinds = sorted({array.dtype.name for array in weights.values()})
    lines += ["}", "", "#: The operators that fill weights of each dtype.", "FILLS = {"]
    return [*lines, *(f"    {kind!r}: {_FILLS[kind]!r}," for kind in kinds), "}"]


def _build(body: Body, lines: Sequence[str]) -> list[str]:
    return [
        f"def build({', '.join(['net', *body.inputs.values()])}):",
        '    """The results by name, as blobs of `net`; texts are names of weights."""',
        *lines,
        "    return {",
        *(f"        {key!r}: {result}," for key, result in body.results.items()),
        "    }",
    ]
