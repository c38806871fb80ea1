"""Canonical ONNX → the source of a torch module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from interop.converters.torch.fuse import fuse
from interop.converters.torch.lowerings.common import FLOATS
from interop.converters.torch.table import LOWERINGS

from interop.source.expression import literal
from interop.source.module import Source, functions_in, used_functions
from interop.source.printer import Body, Style, print_graph

_HELPERS = Path(__file__).with_name("helpers")

_HEADER = '''"""{title}

Converted from ONNX. It needs torch and safetensors, nothing else:

    model = load()          # reads weights.safetensors beside this file
    model({arguments})      # a dict of results
"""

{imports}from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import nn
'''

_FOOTER = '''

def load(path=Path(__file__).with_name("weights.safetensors")):
    """The model with the weights in `path`, ready for inference."""
    with safe_open(path, framework="pt") as file:
        return Model(file.get_tensor).eval()
'''

_NAMES = (
    "torch F nn math self Model load safe_open Path weight int tuple zip list range sum map len"
)

#: What a weight must not be called, for a module has these.
_MODULE = """
    T_destination add_module apply bfloat16 buffers call_super_init children compile cpu
    cuda double dump_patches eval extra_repr float forward get_buffer get_extra_state
    get_parameter get_submodule half ipu load_state_dict modules mtia named_buffers
    named_children named_modules named_parameters parameters register_backward_hook
    register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook
    register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module
    register_parameter register_state_dict_post_hook register_state_dict_pre_hook
    requires_grad_ set_extra_state set_submodule share_memory state_dict to to_empty train
    training type xpu zero_grad
"""

_RESERVED = frozenset([*_NAMES.split(), *_MODULE.split()])

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
    reserved = _RESERVED | helpers.keys()
    model = fuse(model.clone())
    body = print_graph(model, LOWERINGS, Style(reserved, _inline, sizes=_sizes, eager=True))
    module = _module(body, _measured(model))
    used = used_functions(module, helpers)
    title = (model.graph.name or "A model").replace('"', "'").replace("\\", "/")
    header = _HEADER.format(
        title=title,
        arguments=", ".join(body.inputs.values()),
        imports="import math\n" if any("math." in text for text in used) else "",
    )
    header = "\n".join([header, *_specs(model, body)])
    text = "\n\n\n".join([header, *used, module + _FOOTER.rstrip()]) + "\n"
    return Source(text, body.weights, body.inputs, body.outputs)


def _inline(array: np.ndarray) -> str | None:
    """Small integers and single numbers are clearer in the source than among the weights."""
    integral = array.dtype.kind in "iub" and array.size <= 16
    if not (integral or array.ndim == 0) or array.dtype.kind not in "biuf":
        return None
    name = array.dtype.name
    usual = name == "bool" or (array.size and name in ("int64", "float32"))
    text = literal(array) if usual else f"{literal(array)}, dtype=torch.{name}"
    shaped = f".reshape({list(array.shape)})" if array.size == 0 and array.shape != (0,) else ""
    return f"torch.tensor({text}){shaped}"


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


def _sizes(value: Any, dtype: str) -> str:
    usual = dtype == "int64" and value != []
    return f"torch.tensor({literal(value)}{'' if usual else f', dtype=torch.{dtype}'})"


def _measured(model: ir.Model) -> frozenset[str]:
    """The weights that training would not change."""
    found = set()
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        for index in _MEASURED.get(node.op_type, ()):
            if index < len(node.inputs) and node.inputs[index] is not None:
                found.add(node.inputs[index].name or "")  # type: ignore[union-attr]
    return frozenset(found)


def _module(body: Body, measured: frozenset[str]) -> str:
    lines = [
        "class Model(nn.Module):",
        "    def __init__(self, weight):",
        "        super().__init__()",
    ]
    for attribute, key in body.attributes.items():
        name = attribute.removeprefix("self.")
        floating = body.weights[key].dtype.name in FLOATS
        if floating and key not in measured:
            lines.append(f"        {attribute} = nn.Parameter(weight({key!r}))")
        else:
            lines.append(f"        self.register_buffer({name!r}, weight({key!r}))")
    lines += ["", f"    def forward(self, {', '.join(body.inputs.values())}):"]
    lines += body.lines
    lines.append("        return {")
    lines += [f"            {key!r}: {result}," for key, result in body.results.items()]
    lines.append("        }")
    return "\n".join(lines)
