"""Reading and writing by indices."""

from __future__ import annotations

from typing import Any

import numpy as np
from interop.converters.tflite.operator import Op, Refused


def gather(op: Op) -> Any:
    """Of operand 0 by the indices in operand 1, which may go along with leading axes of the data."""
    axis, batch = int(op.option("axis")), int(op.option("batchDims"))
    x, indices = op.stored(0), op.stored(1)
    if not batch:
        return op.emit("Gather", [x, indices], axis=axis)
    batch %= op.rank(1)
    if axis % op.rank() != batch:
        raise Refused("an axis that does not follow those that go along")
    last = op.emit("Unsqueeze", [op.wide(1), op.integers(-1)])
    return op.emit("GatherND", [x, last], batch_dims=batch)


def gather_nd(op: Op) -> Any:
    return op.emit("GatherND", [op.stored(0), op.wide(1)])


def scatter_nd(op: Op) -> Any:
    """Operands: the indices, what stands there, the shape. What shares a place is added."""
    zero = op.constant(np.zeros((), op.tensor(1).dtype))
    nothing = op.emit("Expand", [zero, op.wide(2)])
    return op.emit("ScatterND", [nothing, op.wide(0), op.stored(1)], reduction="add")


def sparse_to_dense(op: Op) -> Any:
    """Operands: the indices, the shape, the values, what stands elsewhere."""
    filled = op.emit("Expand", [op.stored(3), op.wide(1)])
    rank = op.tensor(0).rank
    if rank != 2:
        axes = op.integers(0, 1) if rank == 0 else op.integers(1)
        indices = op.emit("Unsqueeze", [op.wide(0), axes])
    else:
        indices = op.wide(0)
    values = op.stored(2)
    if op.tensor(2).rank == 0:
        count = op.emit("Shape", [indices], start=0, end=1)
        values = op.emit("Expand", [values, count])
    return op.emit("ScatterND", [filled, indices, values])


def one_hot(op: Op) -> Any:
    """Operands: the indices, how many, the number for on, the one for off."""
    off, on = op.stored(3), op.stored(2)
    values = op.emit(
        "Concat", [op.emit("Reshape", [one, op.integers(1)]) for one in (off, on)], axis=0
    )
    depth = op.emit("Reshape", [op.wide(1), op.integers(1)])
    # ONNX takes a negative index from behind; TFLite finds no place for it.
    indices = op.wide(0)
    inside = op.emit("GreaterOrEqual", [indices, op.integers(0)])
    indices = op.emit("Where", [inside, indices, op.emit("Squeeze", [depth, op.integers(0)])])
    return op.emit("OneHot", [indices, depth, values], axis=int(op.option("axis")))


def segment_sum(op: Op) -> Any:
    """Rows of operand 0 added up by the segment in operand 1; as many as operand 2, or the last says."""
    segments = op.wide(1)
    if op.has(2):
        count = op.emit("Reshape", [op.wide(2), op.integers(1)])
    else:
        last = op.emit("ReduceMax", [segments], keepdims=1)
        count = op.emit("Add", [last, op.integers(1)])
    inner = op.emit("Shape", [op.stored(0)], start=1)
    shape = op.emit("Concat", [count, inner], axis=0)
    nothing = op.emit("Expand", [op.constant(np.zeros((), op.tensor(0).dtype)), shape])
    rows = op.emit("Unsqueeze", [segments, op.integers(-1)])
    return op.emit("ScatterND", [nothing, rows, op.stored(0)], reduction="add")
