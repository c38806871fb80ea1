"""Runs tf2onnx with what it lacks or gets wrong. A program of its own: it imports nothing of ours."""

import sys
from typing import Any

import numpy as np
from tf2onnx import convert
from tf2onnx.handler import tf_op
from tf2onnx.onnx_opset import controlflow, math


@tf_op("BroadcastArgs")
class BroadcastArgs:
    """The shape that two shapes broadcast to: that of an Expand of one to the other."""

    @classmethod
    def version_9(cls, ctx: Any, node: Any, **options: Any) -> None:
        dtype = ctx.get_dtype(node.output[0])
        first, second = (_as_int64(ctx, name) for name in node.input)
        ctx.remove_node(node.name)
        filled = ctx.make_node("ConstantOfShape", [first]).output[0]
        expanded = ctx.make_node("Expand", [filled, second]).output[0]
        shape = ctx.make_node("Shape", [expanded]).output[0]
        ctx.make_node("Cast", [shape], attr={"to": dtype}, name=node.name, outputs=node.output)


@tf_op("Erfc")
class Erfc:
    """1 - erf(x)."""

    @classmethod
    def version_9(cls, ctx: Any, node: Any, **options: Any) -> None:
        dtype, shape = ctx.get_dtype(node.output[0]), ctx.get_shape(node.output[0])
        ctx.remove_node(node.name)
        one = ctx.make_const(f"{node.name}_one", np.array(1.0, _NUMPY[dtype])).output[0]
        erf = ctx.make_node("Erf", node.input).output[0]
        ctx.make_node(
            "Sub", [one, erf], name=node.name, outputs=node.output, shapes=[shape], dtypes=[dtype]
        )


@tf_op(["Select", "SelectV2"])
class Select:
    """A Where. tf2onnx multiplies by the condition instead, so that infinities become NaN."""

    @classmethod
    def version_18(cls, ctx: Any, node: Any, **options: Any) -> None:
        node.set_attr("handles_nan", True)
        controlflow.Select.version_9(ctx, node, **options)


@tf_op(["Greater", "Less"])
class Compare:
    """As they are. tf2onnx compares integers as float32, which tells them apart up to 2**24 only."""

    @classmethod
    def version_18(cls, ctx: Any, node: Any, **options: Any) -> None:
        # The bounds of a loop may yet become int64, after this: then both sides must be.
        narrower = ctx.get_dtype(node.input[0]) not in (*_NUMPY, _UINT64)
        if narrower and not node.inputs[1].is_const():
            for index, name in enumerate(node.input):
                ctx.replace_input(node, name, _as_int64(ctx, name), index)


@tf_op("FloorMod")
class FloorMod:
    """Mod has the divisor's sign. tf2onnx divides integers towards zero instead."""

    @classmethod
    def version_18(cls, ctx: Any, node: Any, **options: Any) -> None:
        if ctx.get_dtype(node.input[0]) in _NUMPY:
            math.FloorMod.version_7(ctx, node, **options)
        else:
            node.type = "Mod"


@tf_op("FloorDiv")
class FloorDiv:
    """What is left by Mod divides evenly. tf2onnx divides integers towards zero instead."""

    @classmethod
    def version_18(cls, ctx: Any, node: Any, **options: Any) -> None:
        if ctx.get_dtype(node.input[0]) in _NUMPY:
            math.FloorDiv.version_6(ctx, node, **options)
            return
        rest = ctx.make_node("Mod", node.input).output[0]
        even = ctx.make_node("Sub", [node.input[0], rest]).output[0]
        node.type = "Div"
        ctx.replace_input(node, node.input[0], even, 0)


#: TensorProto's numbers of the floating types.
_NUMPY = {1: np.float32, 10: np.float16, 11: np.float64}
_UINT64 = 13


def _as_int64(ctx: Any, name: str) -> str:
    cast: str = ctx.make_node("Cast", [name], attr={"to": 7}).output[0]
    return cast


if __name__ == "__main__":
    sys.exit(convert.main())
