"""What lowerings share: the net that operators are added to, and their dtypes.

A value is the name of a blob, and so is a weight. Caffe2's CPU kernels are of float32; some are of
integers, too, and those that only move data are of anything.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from interop.source.expression import Expression, Symbol
from interop.source.printer import Node
from interop.source.values import Refusal, Value

Lowering = Callable[..., Any]

#: NumPy's names → the numbers of caffe2.proto's TensorProto.DataType.
DTYPES = {"float32": 1, "int32": 2, "bool": 5, "int64": 10}

FLOATS = ("float32",)
NUMBERS = ("float32", "int32", "int64")
ANY = tuple(DTYPES)


def add(operator: str, *inputs: Expression, count: int = 1, **arguments: Any) -> Expression:
    """An operator added to the net; with `count`, a tuple of that many blobs."""
    call = getattr(Symbol("net"), operator)
    given = (list(inputs),) if count == 1 else (list(inputs), count)
    return call(*given, **arguments)


def first(operator: str, *inputs: Expression, count: int, **arguments: Any) -> Expression:
    """The first of `count` results, which the operator insists on."""
    return add(operator, *inputs, count=count, **arguments)[0]


def of(dtypes: tuple[str, ...], lowering: Lowering) -> Lowering:
    """The lowering, where what it computes with is of these dtypes."""

    @wraps(lowering)
    def checked(*inputs: Value | None, **keywords: Any) -> Any:
        for value in inputs:
            if value is not None and value.constant is None and value.dtype not in dtypes:
                raise Refusal(
                    f"Caffe2 has it for {', '.join(dtypes)}, '{value.name}' is {value.dtype}"
                )
        return lowering(*inputs, **keywords)

    return checked


def known(value: Value) -> list[int]:
    """The sizes; a Refusal where one is not known."""
    if value.shape is None or None in value.shape:
        raise Refusal(f"the sizes of '{value.name}' must be known")
    return [int(size) for size in value.shape if size is not None]


def alike(node: Node, *xs: Value) -> list[Expression]:
    """Operands, each with all the sizes of the result: some of Caffe2's kernels broadcast nothing."""
    if all(x.shape is not None and x.shape == xs[0].shape for x in xs):
        return list(xs)
    shape = node.outputs[0].shape
    if shape is None or None in shape:
        raise Refusal("operands of different sizes, of which some are not known")
    return [x if x.shape == shape else _spread(x, list(shape)) for x in xs]


def _spread(x: Value, shape: list[int | None]) -> Expression:
    """`x` repeated to that shape; truth values by way of numbers."""
    if x.dtype != "bool":
        return add("Expand", x, vector(shape))
    numbers = add("Cast", x, to=DTYPES["int32"])
    return add("Cast", add("Expand", numbers, vector(shape)), to=DTYPES["bool"])


def vector(sizes: list[Any]) -> Expression:
    """Sizes as a blob."""
    return add("GivenTensorInt64Fill", shape=[len(sizes)], values=sizes)


def unary(operator: str, **arguments: Any) -> Lowering:
    """The operator is this one of one blob."""

    def lowering(x: Value) -> Expression:
        return add(operator, x, **arguments)

    return lowering


def constant(x: Value, number: float, name: str) -> Expression:
    """A number as a blob, without axes."""
    if name == "float32":
        return add("ConstantFill", shape=[1], value=float(number))
    return add("ConstantFill", shape=[1], value=int(number), dtype=DTYPES[name])
