"""Reductions over axes, sorting, and the largest entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from interop.converters.jax.exports.operation import Op, direction_of
from interop.converters.jax.exports.tensors import Refused, Tensor, array_of
from interop.converters.jax.exports.writing import Writer

#: ONNX's reductions by what combines two entries.
_REDUCTIONS = {
    "add": "ReduceSum",
    "maximum": "ReduceMax",
    "minimum": "ReduceMin",
    "multiply": "ReduceProd",
}
_PAIRS = {"add": "Add", "maximum": "Max", "minimum": "Min", "multiply": "Mul"}


#: The same on truths, as 1 and 0.
ON_TRUTHS = {"and": "minimum", "or": "maximum", "multiply": "minimum", "add": "maximum"}


def kind_of(op: Op, body: Any) -> str:
    """What combines two entries, by the name of the one operation in a region (given, or its number)."""
    block = op.block(body) if isinstance(body, int) else body
    operations = [view.operation for view in block.operations]
    names = [operation.name.removeprefix("stablehlo.") for operation in operations]
    if len(operations) != 2 or len(operations[0].operands) != 2:
        raise Refused(f"a reduction of its own ({', '.join(names[:-1]) or 'nothing'})")
    combined, end = operations
    both = set(combined.operands) == set(block.arguments)
    if not both or end.operands[0] != combined.results[0]:
        raise Refused(f"a reduction of its own ({names[0]})")
    return names[0]


def identity_of(kind: str, dtype: str) -> Any:
    """What leaves the other entry as it is."""
    if dtype == "bool":
        return {"and": True, "multiply": True, "minimum": True}.get(kind, False)
    if kind in ("add", "multiply"):
        return 0 if kind == "add" else 1
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        return info.min if kind == "maximum" else info.max
    return -np.inf if kind == "maximum" else np.inf


def is_identity(x: Tensor, kind: str, w: Writer) -> bool:
    """Whether a number without axes is what leaves the other as it is."""
    value = w.value_of(x)
    return value is not None and bool(value == np.asarray(identity_of(kind, x.dtype), x.dtype))


def reduce_(op: Op) -> Any:
    """Operands: data and where their reductions start, of each as many as there are results."""
    if len(op.results) == 2:
        return _extreme(op)
    if len(op.results) != 1:
        raise Refused(f"{len(op.results)} reductions at once")
    return _reduced(op, kind_of(op, 0))


def _reduced(op: Op, kind: str) -> Tensor:
    x, w = op.operands[0], op.w
    axes = op.integers("dimensions")
    if not axes and is_identity(op.operands[1], kind, w):
        return x
    left = [axis for axis in range(x.rank) if axis not in axes]
    sizes = [x.sizes[axis] for axis in left]
    before = x.dtype
    if before == "bool":
        kind = ON_TRUTHS.get(kind, kind)
    if kind not in _REDUCTIONS:
        raise Refused(f"a reduction by {kind}")
    wide = "int32" if np.dtype(before).itemsize < 4 and np.dtype(before).kind in "iub" else before
    order = x.order if x.thin is None else None
    held = w.held(x) if x.thin is None else w.full(x)
    places = axes if order is None else [order[axis] for axis in axes]
    name = w.once(_REDUCTIONS[kind], w.cast(held, before, wide), w.constant(sorted(places)),
                  keepdims=0, noop_with_empty_axes=1)  # fmt: skip
    name = w.cast(name, wide, before)
    if order is not None:
        rest = sorted(order[axis] for axis in left)
        order = tuple(rest.index(order[axis]) for axis in left)
        order = None if order == tuple(range(len(left))) else order
    made = op.made(name, sizes)
    start = op.operands[1]
    if not is_identity(start, kind, w):
        both = [w.cast(one, before, wide) for one in (name, w.full(start))]
        name = w.cast(w.once(_PAIRS[kind], *both), wide, before)
    return Tensor(name, made.dtype, made.sizes, order)


def _extreme(op: Op) -> list[Tensor]:
    """The largest entry (or the least) and its place, the first of several."""
    axes = op.integers("dimensions")
    direction = _compared(op)
    if len(axes) != 1 or direction is None or not _counts(op.operation.operands[1], axes[0]):
        raise Refused("two reductions at once that are not a maximum or minimum and its place")
    w, x, axis = op.w, op.operands[0], op.w.constant(axes)
    name = w.full(x)
    if np.dtype(x.dtype).kind == "b":
        name = w.cast(name, x.dtype, "int32")
    kind = "Max" if direction == "GT" else "Min"
    most = w.cast(w.once(f"Reduce{kind}", name, axis, keepdims=0),
                  "int32" if x.dtype == "bool" else x.dtype, x.dtype)  # fmt: skip
    place = w.once(f"Arg{kind}", name, axis=axes[0], keepdims=0)
    sizes = [size for number, size in enumerate(x.sizes) if number != axes[0]]
    return [
        op.made(most, sizes),
        op.made(w.cast(place, "int64", op.operands[1].dtype), sizes, 1),
    ]


def _compared(op: Op) -> str | None:
    """GT or LT, where the region keeps the larger (or lesser) first argument and of equal ones the one
    with the lower second argument; an entry that is no number counts as the extreme."""
    block = op.block(0)
    a, i, b, j = block.arguments[0], block.arguments[1], block.arguments[2], block.arguments[3]
    found: dict[Any, Any] = {}
    for view in block.operations:
        operation = view.operation
        operands = tuple(found.get(one, one) for one in operation.operands)
        name = operation.name.removeprefix("stablehlo.")
        if name == "return":
            outcome = operands
            break
        if name == "compare":
            name = direction_of(operation)
        found[operation.results[0]] = (name, *operands)
    for direction in ("GT", "LT"):
        for wins in ((direction, a, b), ("or", (direction, a, b), ("NE", a, a))):
            tie = ("and", ("EQ", a, b), ("LT", i, j))
            if outcome == (("select", wins, a, b), ("select", ("or", wins, tie), i, j)):
                return direction
    return None


def _counts(value: Any, axis: int) -> bool:
    """Whether a value is the places along that axis."""
    owner = getattr(value, "owner", None)
    operation = getattr(owner, "operation", owner)
    name = getattr(operation, "name", "")
    if name in ("stablehlo.broadcast_in_dim", "stablehlo.dynamic_broadcast_in_dim"):
        dims = list(operation.attributes["broadcast_dimensions"])
        return axis in dims and _counts(operation.operands[0], dims.index(axis))
    if name not in ("stablehlo.iota", "stablehlo.dynamic_iota"):
        return False
    return operation.attributes["iota_dimension"].value == axis


def sort(op: Op) -> list[Tensor]:
    """By ONNX's TopK, which leaves equal entries in their order; by several keys, the last one first."""
    axis = op.number("dimension")
    keys = _keys(op)
    w = op.w
    names = op.names()
    count = w.vector([w.dim(op.operands[0], axis)])
    for key, largest in reversed(keys):
        dtype = op.operands[key].dtype
        wide = {"bool": "int32", "bfloat16": "float32"}.get(dtype, dtype)
        _, places = w.node("TopK", w.cast(names[key], dtype, wide), count, count=2,
                           axis=axis, largest=int(largest), sorted=1)  # fmt: skip
        names = [w.once("GatherElements", name, places, axis=axis) for name in names]
    return [op.made(name, op.operands[i].sizes, i) for i, name in enumerate(names)]


def _keys(op: Op) -> list[tuple[int, bool]]:
    """Which operands are compared, the first first, and whether the largest comes first.

    A comparator is a comparison, or (a < b or (a = b and <the next>)), of arguments as they are or
    with zeros and what is no number made alike.
    """
    block = op.block(0)
    made = {
        result: view.operation for view in block.operations for result in view.operation.results
    }
    arguments = {argument: index for index, argument in enumerate(block.arguments)}
    end = next(v.operation for v in block.operations if v.operation.name == "stablehlo.return")

    def argument(value: Any) -> int:
        while value not in arguments:
            operation = made.get(value)
            if operation is None or operation.name != "stablehlo.select":
                raise Refused("a comparison of what is computed")
            value = operation.operands[2]
        return arguments[value]

    def read(value: Any) -> list[tuple[int, bool]]:
        operation = made.get(value)
        name = "" if operation is None else operation.name.removeprefix("stablehlo.")
        if name == "compare":
            first, second = (argument(one) for one in operation.operands)
            direction = direction_of(operation)
            if second != first + 1 or first % 2 or direction not in ("LT", "GT"):
                raise Refused("a comparison that does not order")
            return [(first // 2, direction == "GT")]
        if name == "or":
            tie = made.get(operation.operands[1])
            if tie is not None and tie.name == "stablehlo.and":
                return [*read(operation.operands[0]), *read(tie.operands[1])]
        raise Refused("a comparison of its own")

    return read(end.operands[0])


def top_k(op: Op, k: int) -> list[Tensor]:
    """The k largest entries along the last axis, and their places."""
    x, w = op.operands[0], op.w
    wide = {"bfloat16": "float32"}.get(x.dtype, x.dtype)
    values, places = w.node("TopK", w.cast(w.full(x), x.dtype, wide), w.constant([k]), count=2,
                            axis=x.rank - 1, largest=1, sorted=1)  # fmt: skip
    sizes: Sequence[Any] = [*x.sizes[:-1], k]
    return [
        op.made(w.cast(values, wide, x.dtype), sizes),
        op.made(w.cast(places, "int64", "int32"), sizes, 1),
    ]


def constant_in(value: Any) -> np.ndarray | None:
    """The numbers of a constant of the program."""
    operation = getattr(getattr(value, "owner", None), "operation", None)
    if getattr(operation, "name", "") != "stablehlo.constant":
        return None
    return array_of(operation.attributes["value"])


REDUCTIONS: dict[str, Any] = {"reduce": reduce_, "sort": sort}
