"""Operators that move numbers and change none."""

from __future__ import annotations

from typing import Any

import numpy as np
from interop.converters.tflite.operator import INT32, Op, Refused, order_of

#: As good as an end that is open.
_FAR = np.iinfo(np.int64).max


def same(op: Op, x: str) -> Any:
    return op.emit("Identity", [x])


def reshape(op: Op, x: str, *target: str) -> Any:
    """To operand 1, or to the shape in the options, of older files."""
    if op.has(1):
        return op.emit("Reshape", [x, op.wide(1)], allowzero=1)
    shape = [int(size) for size in op.option("newShape")]
    return op.emit("Reshape", [x, op.integers(*shape)], allowzero=1)


def transpose(op: Op) -> None:
    """Where the file itself goes from one order of images to the other, the other is there already.

    It notes its result by itself, in whichever order that is.
    """
    perm = [int(axis) for axis in op.array(1)]
    names, result = op.scope.names, op.outputs[0]
    if len(perm) > 2 and perm == order_of(len(perm), "last"):
        names[result, "first"] = op.stored(0)
    elif len(perm) > 2 and perm == order_of(len(perm), "first"):
        names[result, "last"] = op.scope.stored(op.inputs[0], "first")
    else:
        names[result, "last"] = op.emit("Transpose", [op.stored(0)], perm=perm)


def squeeze(op: Op, x: str) -> Any:
    axes = op.option("squeezeDims")
    if axes is None or isinstance(axes, int) or not len(axes):
        return op.emit("Squeeze", [x])
    return op.emit("Squeeze", [x, op.integers(*(int(axis) for axis in axes))])


def expand_dims(op: Op, x: str, *axis: str) -> Any:
    return op.emit("Unsqueeze", [x, op.integers(int(op.array(1).reshape(())))])


def pack(op: Op, *operands: str) -> Any:
    axis = int(op.option("axis"))
    if op.tensor(0).rank == 0 and not op.tensor(0).quantized and axis == 0:
        parts = [op.emit("Reshape", [one, op.integers(1)]) for one in operands]
    else:
        parts = [op.emit("Unsqueeze", [one, op.integers(axis)]) for one in operands]
    return op.emit("Concat", parts, axis=axis)


def unpack(op: Op, x: str) -> Any:
    axis, count = int(op.option("axis")), len(op.outputs)
    if count == 1:
        return op.emit("Squeeze", [x, op.integers(axis)])
    parts = op.emit("Split", [x, op.integers(*[1] * count)], count=count, axis=axis)
    return [op.emit("Squeeze", [one, op.integers(axis)]) for one in parts]


def concatenation(op: Op, *operands: str) -> str:
    if len(operands) == 1:
        return op.activated(op.emit("Identity", operands))
    axis = op.axis(op.option("axis"), op.result().rank)
    return op.activated(op.emit("Concat", operands, axis=axis))


def split(op: Op, axis: str, x: str) -> Any:
    """Into equal parts. Operands: the axis, the data."""
    return _split(op, x, int(op.array(0).reshape(())), None)


def split_v(op: Op, x: str, *sizes: str) -> Any:
    given = [int(size) for size in op.array(1)]
    axis = int(op.array(2).reshape(()))
    if -1 in given:
        whole = op.tensor(0).shape[axis]
        if whole < 0:
            raise Refused("the rest of an axis whose size is open")
        given[given.index(-1)] = whole - sum(given) - 1
    return _split(op, x, axis, given)


def _split(op: Op, x: str, axis: int, sizes: list[int] | None) -> Any:
    count = len(op.outputs)
    if count == 1:
        return op.emit("Identity", [x])
    if sizes is None:
        return op.emit("Split", [x], count=count, axis=axis, num_outputs=count)
    return op.emit("Split", [x, op.integers(*sizes)], count=count, axis=axis)


def slice_(op: Op, x: str) -> Any:
    """Operands: the data, where it begins, how much of it (-1: all that is left)."""
    if op.known(1) and op.known(2):
        begin, size = (op.array(index).astype(np.int64) for index in (1, 2))
        end = np.where(size < 0, _FAR, begin + size)
        axes = op.integers(*(op.axis(axis, len(begin)) for axis in range(len(begin))))
        return op.emit("Slice", [x, op.constant(begin), op.constant(end), axes])
    x = op.data_in_last_order()
    start, size = op.wide(1), op.wide(2)
    open_end = op.emit("Less", [size, op.integers(0)])
    end = op.emit("Where", [open_end, op.integers(_FAR), op.emit("Add", [start, size])])
    return op.emit("Slice", [x, start, end])


def reverse(op: Op, x: str, *axes: str) -> Any:
    found = [int(axis) for axis in np.atleast_1d(op.array(1))]
    ends = op.integers(*[-_FAR] * len(found))
    starts, steps = op.integers(*[-1] * len(found)), op.integers(*[-1] * len(found))
    return op.emit("Slice", [x, starts, ends, op.integers(*found), steps])


def reverse_sequence(op: Op, x: str, *lengths: str) -> Any:
    batch, time = int(op.option("batchDim")), int(op.option("seqDim"))
    if {batch, time} != {0, 1}:
        raise Refused("sequences along other axes than the first two")
    return op.emit("ReverseSequence", [x, op.wide(1)], batch_axis=batch, time_axis=time)


def tile(op: Op, x: str, *counts: str) -> Any:
    return op.emit("Tile", [x, op.wide(1)])


def broadcast_to(op: Op, x: str, *shape: str) -> Any:
    return op.emit("Expand", [x, op.wide(1)])


def broadcast_shapes(op: Op) -> Any:
    """The shape that two shapes give: that of an array of the one, brought to the other."""
    one = op.emit("ConstantOfShape", [op.wide(0)])
    found = op.emit("Shape", [op.emit("Expand", [one, op.wide(1)])])
    return found if op.result().dtype == "int64" else op.emit("Cast", [found], to=INT32)


def fill(op: Op) -> Any:
    """Operands: the shape, the number."""
    return op.emit("Expand", [op.stored(1), op.wide(0)])


def _padding(op: Op) -> list[str]:
    """ONNX's list: all that stands before, then all behind, in the order at hand."""
    if op.known(1):
        table = op.array(1).astype(np.int64)
        rank = len(table)
        moved = np.empty_like(table)
        for axis in range(rank):
            moved[op.axis(axis, rank)] = table[axis]
        return [op.constant(moved.T.reshape(-1))]
    if op.order == "first":
        raise Refused("computed padding of an image")
    turned = op.emit("Transpose", [op.wide(1)], perm=[1, 0])
    return [op.emit("Reshape", [turned, op.integers(-1)])]


def pad(op: Op, x: str) -> Any:
    """With zeros: where they are stored quantized, with what stands for zero."""
    tensor = op.tensor(0)
    dtype, value = (tensor.dtype, 0) if op.as_stored or not tensor.quantized else ("float32", 0)
    if op.as_stored and tensor.zeros is not None and tensor.quantized:
        value = int(tensor.zeros[0])
    return op.emit("Pad", [x, *_padding(op), op.constant(np.array(value, dtype))])


def pad_with(op: Op, x: str) -> Any:
    """With operand 2, a number of the data's own kind."""
    take = op.scope.stored if op.as_stored else op.scope.as_real
    value = take(op.inputs[2])
    if op.tensor(2).rank != 0:
        value = op.emit("Squeeze", [value])
    return op.emit("Pad", [x, *_padding(op), value])


def mirror_pad(op: Op, x: str) -> Any:
    """REFLECT leaves the border out, SYMMETRIC repeats it, for which ONNX has indices."""
    if op.option("mode") == 0:
        return op.emit("Pad", [x, *_padding(op)], mode="reflect")
    sizes = op.tensor(0).shape
    for axis, (before, after) in enumerate(op.array(1).tolist()):
        if not before and not after:
            continue
        if sizes[axis] < 0:
            raise Refused("symmetric padding of an axis whose size is open")
        indices = np.pad(np.arange(sizes[axis]), (before, after), mode="symmetric")
        x = op.emit("Gather", [x, op.constant(indices)], axis=op.axis(axis))
    return x


def space_to_batch(op: Op, x: str, *rest: str) -> Any:
    """Blocks of the spatial axes, padded by operand 2, go into the batch."""
    blocks = [int(size) for size in op.array(1)]
    pads = op.array(2).astype(np.int64)
    rank, count = op.rank(), len(blocks)
    sizes = [int(size) for size in op.tensor(0).shape]
    whole = [(0, 0), *map(tuple, pads), *[(0, 0)] * (rank - 1 - count)]
    tensor = op.tensor(0)
    shifted = tensor.quantized and op.as_stored and tensor.zeros is not None
    value = int(tensor.zeros[0]) if shifted and tensor.zeros is not None else 0
    dtype = tensor.dtype if op.as_stored or not tensor.quantized else "float32"
    flat = op.integers(*(int(size) for size in np.array(whole).T.reshape(-1)))
    x = op.emit("Pad", [x, flat, op.constant(np.array(value, dtype))])
    if min(sizes[1:]) < 0:
        raise Refused("blocks of axes whose sizes are open")
    padded = [sizes[1 + i] + sum(whole[1 + i]) for i in range(count)]
    split = [
        part for size, block in zip(padded, blocks, strict=True) for part in (size // block, block)
    ]
    left = sizes[1 + count :]
    x = op.emit("Reshape", [x, op.integers(-1, *split, *left)])
    inner = [2 + 2 * i for i in range(count)]
    order = [*inner, 0, *(1 + 2 * i for i in range(count)), *range(1 + 2 * count, rank + count)]
    x = op.emit("Transpose", [x], perm=order)
    return op.emit("Reshape", [x, op.integers(-1, *split[::2], *left)])


def batch_to_space(op: Op, x: str, *rest: str) -> Any:
    """The other way round; operand 2 is cut off."""
    blocks = [int(size) for size in op.array(1)]
    crops = op.array(2).astype(np.int64)
    rank, count = op.rank(), len(blocks)
    sizes = [int(size) for size in op.tensor(0).shape]
    if min(sizes[1:]) < 0:
        raise Refused("blocks of axes whose sizes are open")
    x = op.emit("Reshape", [x, op.integers(*blocks, -1, *sizes[1:])])
    order = [count]
    for i in range(count):
        order += [count + 1 + i, i]
    x = op.emit("Transpose", [x], perm=[*order, *range(2 * count + 1, rank + count)])
    made = [size * block for size, block in zip(sizes[1:], blocks, strict=False)]
    x = op.emit("Reshape", [x, op.integers(-1, *made, *sizes[1 + count :])])
    if not crops.any():
        return x
    starts = [int(before) for before, _ in crops]
    ends = [size - int(after) for size, (_, after) in zip(made, crops, strict=True)]
    axes = range(1, 1 + count)
    return op.emit("Slice", [x, op.integers(*starts), op.integers(*ends), op.integers(*axes)])


def dynamic_update_slice(op: Op, x: str, part: str, *start: str) -> Any:
    """`part` in the place of what `x` has from operand 2 on, which is moved so that it fits."""
    whole, own = op.emit("Shape", [x]), op.emit("Shape", [part])
    room = op.emit("Sub", [whole, own])
    begin = op.emit("Max", [op.emit("Min", [op.wide(2), room]), op.integers(0)])
    pads = op.emit("Concat", [begin, op.emit("Sub", [room, begin])], axis=0)
    here = op.emit("Expand", [op.constant(np.array(1, np.int32)), own])
    mask = op.emit("Cast", [op.emit("Pad", [here, pads])], to=9)
    return op.emit("Where", [mask, op.emit("Pad", [part, pads]), x])
