"""Canonical ONNX → the source of a CNTK function."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from interop.converters.cntk.table import LOWERINGS

from interop.source.expression import literal
from interop.source.module import Source
from interop.source.printer import Body, NotLowered, Style, print_graph
from interop.source.values import Refusal

_HEADER = '''"""{title}

Converted from ONNX. It needs CNTK 2.7, nothing else:

    model = load()          # reads weights.safetensors beside this file
    model.eval({{...}})       # batches of float32
"""

import json
import os

import cntk as C
import numpy as np
'''

_FOOTER = '''

def read(path):
    """The arrays of a safetensors file: the length of a JSON header, the header, the data."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        entries = json.loads(file.read(length).decode("utf-8"))
        data = file.read()
    entries.pop("__metadata__", None)
    arrays = {}
    for name, entry in entries.items():
        assert entry["dtype"] == "F32", "CNTK computes in float32"
        start, end = entry["data_offsets"]
        arrays[name] = np.frombuffer(data[start:end], "<f4").reshape(entry["shape"])
    return arrays


def load(path=os.path.join(os.path.dirname(os.path.abspath(__file__)), "weights.safetensors")):
    """The function with the weights in `path` as its parameters."""
    params = {name: C.Parameter(init=array, name=name) for name, array in read(path).items()}
    inputs = [C.input_variable(shape, name=name) for name, shape in INPUTS.items()]
    return build(params, *inputs)
'''

_RESERVED = frozenset(
    [
        "C",
        "np",
        "json",
        "os",
        "read",
        "load",
        "build",
        "params",
        "inputs",
        "INPUTS",
        "name",
        "array",
        "float",
    ]
)


def lower(model: ir.Model) -> Source:
    """The source of `model` (canonical).

    Raises NotLowered with every node that cannot be lowered, and every input that is no batch of
    float32.
    """
    style = Style(
        _RESERVED, _inline, sizes=_sizes, weight=lambda name, _: f"params[{name!r}]", depth=1
    )
    inputs = _inputs(model)
    body = print_graph(model, LOWERINGS, style)
    lines = _needed(body.lines, body.results.values())
    text = "\n".join([*lines, *body.results.values()])
    weights = {key: body.weights[key] for shown, key in body.attributes.items() if shown in text}
    title = (model.graph.name or "A model").replace('"', "'").replace("\\", "/")
    table = ["#: Inputs: the shape of one sample; the batch comes before it.", "INPUTS = {"]
    table += [f"    {body.inputs[name]!r}: {literal(shape)}," for name, shape in inputs.items()]
    table.append("}")
    header = _HEADER.format(title=title) + "\n" + "\n".join(table)
    module = "\n".join([*_build(body, lines), _FOOTER.rstrip()])
    return Source("\n\n\n".join([header, module]) + "\n", weights, body.inputs, body.outputs)


def _inputs(model: ir.Model) -> dict[str, tuple[int, ...]]:
    """The sample's shape of each input, and its dtype checked, that of the outputs, too."""
    shapes: dict[str, tuple[int, ...]] = {}
    wrong: dict[str, str] = {}
    for value in (*model.graph.inputs, *model.graph.outputs):
        name, shape = value.name or "", value.shape
        if value.dtype != ir.DataType.FLOAT:
            wrong[name] = f"'{name}': CNTK takes and gives float32, not {value.dtype}"
        elif not shape or not all(isinstance(dim, int) for dim in shape[1:]):
            wrong[name] = f"'{name}': CNTK needs a batch, and every other size (--size name=64)"
        else:
            shapes[name] = tuple(dim for dim in shape[1:] if isinstance(dim, int))
    if wrong:
        raise NotLowered(wrong)
    return {value.name or "": shapes[value.name or ""] for value in model.graph.inputs}


def _inline(array: np.ndarray) -> str | None:
    return literal(float(array.item())) if array.size == 1 and array.ndim == 0 else None


def _sizes(value: Any, dtype: str) -> str:
    raise Refusal("a size is used as a number, and CNTK's batch is not seen")


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


def _build(body: Body, lines: Sequence[str]) -> list[str]:
    results = [f"C.alias({result}, {key!r})" for key, result in body.results.items()]
    return [
        f"def build({', '.join(['params', *body.inputs.values()])}):",
        '    """One function of all results, by their names."""',
        *lines,
        "    return C.combine([",
        *(f"        {each}," for each in results),
        "    ])",
    ]
