"""A Pad before a window, as the window's own pads.

So TFLite, Keras and TensorFlow say what torch says in one operator; some targets have no other pads.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from interop.graph.patterns.terms import dims, given, integers, made_by, number

#: Windows that have pads of their own.
_WINDOWS = frozenset({"AveragePool", "Conv", "MaxPool"})


def fuse_pads(model: ir.Model) -> None:
    """Widen the pads of each window by those in front of it that are of the number that it pads by
    itself; in place."""
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        pad = (
            made_by(node.inputs[0], "Pad")
            if node.op_type in _WINDOWS and node.domain == ""
            else None
        )
        if pad is None or len(pad.outputs[0].uses()) != 1 or pad.outputs[0].is_graph_output():
            continue
        more = _spatial(pad)
        if more is None or not _pads_by(node, pad) or not _fits(node, more):
            continue
        own = node.attributes.get_ints("pads", [0] * len(more))
        node.attributes["pads"] = ir.AttrInt64s(
            "pads", [a + b for a, b in zip(own, more, strict=True)]
        )
        node.attributes.pop("auto_pad", None)
        if node.op_type == "AveragePool":
            node.attributes["count_include_pad"] = ir.AttrInt64("count_include_pad", 1)
        node.replace_input_with(0, pad.inputs[0])


def _spatial(pad: ir.Node) -> list[int] | None:
    """How much `pad` adds before and behind each spatial axis, where it adds nowhere else."""
    sizes, amounts = dims(pad.inputs[0]), integers(given(pad, 1))
    mode = pad.attributes.get_string("mode", "constant")
    if sizes is None or amounts is None or mode != "constant":
        return None
    axes = list(range(len(sizes)))
    if given(pad, 3) is not None:
        listed = integers(given(pad, 3))
        if listed is None:
            return None
        axes = [axis % len(sizes) for axis in listed]
    ends = [dict.fromkeys(range(len(sizes)), 0) for _ in range(2)]
    for end, part in zip(ends, (amounts[: len(axes)], amounts[len(axes) :]), strict=True):
        end.update(zip(axes, part, strict=True))
    if any(end[0] or end[1] or min(end.values()) < 0 for end in ends):
        return None
    return [end[axis] for end in ends for axis in range(2, len(sizes))]


def _pads_by(node: ir.Node, pad: ir.Node) -> bool:
    """Whether `node` pads by that number itself. What is least of all stands for a maximum's minus
    infinity: TFLite writes that."""
    value = number(given(pad, 2)) if given(pad, 2) is not None else 0.0
    if value is None:
        return False
    if node.op_type == "MaxPool":
        kind = pad.outputs[0].dtype
        return kind == ir.DataType.FLOAT and value <= float(np.finfo(np.float32).min)
    return value == 0


def _fits(node: ir.Node, more: list[int]) -> bool:
    """Whether the window says its pads in numbers, and may have so many more."""
    if node.attributes.get_string("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        return False
    if node.op_type == "Conv":
        return True
    ceiling = node.attributes.get_int("ceil_mode", 0)
    if len(node.outputs) > 1 or ceiling:
        return False  # the indices would be those without pads; a last window may lie in them alone
    kernel, rank = node.attributes.get_ints("kernel_shape", []), len(more) // 2
    own = node.attributes.get_ints("pads", [0] * len(more))
    counted = node.attributes.get_int("count_include_pad", 0)
    if node.op_type == "AveragePool" and any(own) and not counted:
        return False
    return all(own[at] + more[at] < kernel[at % rank] for at in range(len(more)))
