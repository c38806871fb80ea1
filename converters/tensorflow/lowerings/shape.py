"""Operators that move, cut and arrange."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
from interop.converters.tensorflow.lowerings.common import axis_size, tf
from interop.converters.tensorflow.lowerings.common import dtype as tensorflow_dtype

from interop.source.expression import Expression, Symbol
from interop.source.printer import Node
from interop.source.values import Unpack, Value

pad_dynamic = Symbol("pad_dynamic")
slice_dynamic = Symbol("slice_dynamic")


def identity(x: Value) -> Expression:
    return Expression(x.text)  # it may be a sequence


def dropout(x: Value, ratio: Value | None = None, training: Value | None = None, *,
            seed: int = 0, node: Node) -> Any:  # fmt: skip
    kept = ratio is not None and ratio.constant is not None and not ratio.constant.any()
    if training is None or kept or (training.constant is not None and not training.constant.any()):
        return tf.identity(x), tf.ones_like(x, dtype=tf.bool)
    part = 0.5 if ratio is None else ratio
    return Unpack(Symbol("dropout")(x, part, training), 2)


def reshape(x: Value, shape: Value, *, allowzero: int = 0) -> Expression:
    if shape.constant is None:
        computed = computed_target(x, shape, allowzero)
        return Symbol("reshape_dynamic")(x, shape) if computed is None else tf.reshape(x, computed)
    target: list[Any] = shape.ints("shape")
    if not allowzero:
        target = [axis_size(x, axis) if size == 0 else size for axis, size in enumerate(target)]
    return tf.reshape(x, target)


def computed_target(x: Value, shape: Value, allowzero: int) -> Expression | None:
    """A Reshape's target that the model computes, as TensorFlow reads one: 0 copies a dimension in ONNX.
    None where its length is not known, which bounds the comparison."""
    if allowzero:
        return shape
    length = shape.dim(0)
    if length is None or x.shape is None:
        return None
    source = tf.shape(x, out_type=tf.int64)
    if len(x.shape) < length:
        source = tf.pad(source, [[0, length - len(x.shape)]])
    target: Expression = tf.where(tf.equal(shape, 0), source[:length], shape)
    return target


def flatten(x: Value, *, axis: int = 1) -> Expression:
    shape = x.shape or ()
    axis = axis % x.known_rank if axis < 0 else axis
    if axis == 0:
        return tf.reshape(x, [1, -1])
    inner = shape[axis:]
    if all(dim is not None for dim in inner):
        return tf.reshape(x, [-1, int(np.prod([d for d in inner if d is not None]))])
    outer = shape[:axis]
    if all(dim is not None for dim in outer):
        return tf.reshape(x, [int(np.prod([d for d in outer if d is not None])), -1])
    return tf.reshape(x, [axis_size(x, 0) if axis == 1 else tf.reduce_prod(tf.shape(x)[:axis]), -1])


def transpose(x: Value, *, perm: list[int] | None = None) -> Expression:
    if perm is None:
        return tf.transpose(x)
    return tf.transpose(x, perm)


def squeeze(x: Value, axes: Value | None = None) -> Expression:
    if axes is None:
        return tf.squeeze(x)
    if axes.constant is None:
        return Symbol("squeeze_dynamic")(x, axes)
    return tf.squeeze(x, axis=axes.ints("axes"))


def unsqueeze(x: Value, axes: Value) -> Expression:
    if axes.constant is None:
        return Symbol("unsqueeze_dynamic")(x, axes)
    positions = axes.ints("axes")
    if len(positions) > 1 and any(axis < 0 for axis in positions):
        rank = x.known_rank + len(positions)
        positions = [axis % rank for axis in positions]
    result: Expression = x
    for axis in sorted(positions):
        result = tf.expand_dims(result, axis)
    return result


def concat(*xs: Value, axis: int) -> Expression:
    return tf.concat(list(xs), axis=axis)


def split(
    x: Value, sizes: Value | None = None, *, axis: int = 0, num_outputs: int = 0, node: Node
) -> Any:
    count = len(node.outputs)
    if sizes is not None and sizes.constant is not None:
        call = tf.split(x, sizes.ints("split"), axis=axis)
    elif sizes is not None:
        call = tf.split(x, sizes, axis=axis, num=count)
    elif (size := x.dim(axis)) is None:
        call = Symbol("split_evenly")(x, count, axis)
    else:
        each = -(-size // count)  # the last part may be smaller
        call = tf.split(x, [*[each] * (count - 1), size - each * (count - 1)], axis=axis)
    return Unpack(call, count)


def slice_(
    x: Value, starts: Value, ends: Value, axes: Value | None = None, steps: Value | None = None
) -> Expression:
    constants = [v is None or v.constant is not None for v in (starts, ends, axes, steps)]
    if not all(constants) or x.shape is None:
        places = None if axes is None else _listed(axes)
        return slice_dynamic(x, starts, ends, places, None if steps is None else _listed(steps))
    first, last = starts.ints("starts"), ends.ints("ends")
    positions = axes.ints("axes") if axes is not None else list(range(len(first)))
    stride = steps.ints("steps") if steps is not None else [1] * len(first)
    rank = x.known_rank
    parts = [slice(None)] * rank
    for axis, start, end, step in zip(positions, first, last, stride, strict=True):
        parts[axis % rank] = _python_slice(start, end, step, x.shape[axis % rank])
    while len(parts) > 1 and parts[-1] == slice(None):
        parts.pop()
    return x[tuple(parts)]


def _listed(value: Value) -> Any:
    """Integers as a list where they are known."""
    return value if value.constant is None else value.ints(value.name)


def _python_slice(start: int, end: int, step: int, size: int | None) -> slice:
    """Python's slice for ONNX's, which clamps ends that lie outside."""
    if size is not None and size > 0:
        if step > 0:
            start = max(start + size, 0) if start < 0 else min(start, size)
            end = max(end + size, 0) if end < 0 else min(end, size)
            return slice(start or None, None if end == size else end, None if step == 1 else step)
        start = start + size if start < 0 else min(start, size - 1)
        end = end + size if end < 0 else end
        return slice(None if start == size - 1 else start, None if end < 0 else end, step)
    if step > 0:
        huge = end >= np.iinfo(np.int32).max
        return slice(start or None, None if huge else end, None if step == 1 else step)
    lowest = end <= -np.iinfo(np.int32).max
    top = start == -1 or start >= np.iinfo(np.int32).max
    return slice(None if top else start, None if lowest else end, step)


def pad(x: Value, pads: Value, value: Value | None = None, axes: Value | None = None, *,
        mode: str = "constant", node: Node) -> Expression:  # fmt: skip
    # TensorFlow 2.21 takes a Pad that is added to a convolution for a part of that, and ends in a fault of
    # memory (its remapper with oneDNN). Not so PadV2, which a filler of a type makes of it.
    added = "Add" in node.readers
    zero = tf.zeros([], tensorflow_dtype(x.known_dtype)) if added else None
    return padded(x, pads, value, axes, mode, zero)


def padded(
    x: Value, pads: Value, value: Value | None, axes: Value | None, mode: str,
    zero: Expression | None,
) -> Expression:  # fmt: skip
    """zero: what to fill with where nothing else is asked for; None leaves that to TensorFlow."""
    if pads.constant is None or (axes is not None and axes.constant is None) or x.shape is None:
        return pad_dynamic(x, pads, None if axes is None else _listed(axes), mode, value)
    rank = x.known_rank
    positions = [a % rank for a in axes.ints("axes")] if axes is not None else list(range(rank))
    amounts = pads.ints("pads")
    table = [[0, 0] for _ in range(rank)]
    for index, axis in enumerate(positions):
        table[axis] = [amounts[index], amounts[index + len(positions)]]
    result: Expression = x
    if any(amount < 0 for pair in table for amount in pair):  # negative pads cut
        cut = [slice(-min(a, 0) or None, min(b, 0) or None) for a, b in table]
        result = x[tuple(cut)]
        table = [[max(a, 0), max(b, 0)] for a, b in table]
    # TensorFlow reflects once; ONNX as often as the pads ask for.
    near = all(n is None or max(pair) < n for n, pair in zip(x.shape, table, strict=True))
    if mode == "reflect" and near:
        return tf.pad(result, table, mode="REFLECT")
    if mode != "constant":
        for axis, (before, after) in enumerate(table):
            if before or after:
                result = Symbol(f"pad_{mode}")(result, axis, before, after)
        return result
    if value is None or (value.constant is not None and not value.constant.any()):
        return (
            tf.pad(result, table) if zero is None else tf.pad(result, table, constant_values=zero)
        )
    filler = value.constant.reshape(-1)[0] if value.constant is not None else tf.reshape(value, [])
    return tf.pad(result, table, constant_values=filler)


def shape(x: Value, *, start: int = 0, end: int | None = None) -> Expression:
    sizes = tf.shape(x, out_type=tf.int64)
    return sizes if start == 0 and end is None else sizes[start:end]


def size(x: Value) -> Expression:
    return tf.size(x, out_type=tf.int64)


def expand(x: Value, target: Value) -> Expression:
    if target.constant is not None and x.shape is not None and None not in x.shape:
        return tf.broadcast_to(x, list(np.broadcast_shapes(x.shape, tuple(target.ints("shape")))))
    return tf.broadcast_to(x, tf.broadcast_dynamic_shape(tf.shape(x, out_type=tf.int64), target))


def tile(x: Value, repeats: Value) -> Expression:
    counts = repeats.ints("repeats") if repeats.constant is not None else repeats
    if x.dtype == "uint16":  # for which TensorFlow has no kernel
        return tf.cast(tf.tile(tf.cast(x, tf.int32), counts), tf.uint16)
    return tf.tile(x, counts)


def constant(*, value: np.ndarray | None = None, **values: Any) -> Expression:
    """One that is itself a result; all others are initializers."""
    if value is None:
        [(kind, entry)] = values.items()
        value = np.asarray(entry, np.float32 if "float" in kind else np.int64)
    return tf.constant(value, tensorflow_dtype(value.dtype.name))


def constant_of_shape(target: Value, *, value: np.ndarray | None = None) -> Expression:
    fill = np.zeros((), np.float32) if value is None else value.reshape(())
    if fill.dtype == np.float32 and target.constant is not None:
        return tf.fill(target.ints("shape"), float(fill))
    return tf.fill(target, tf.constant(fill.item(), tensorflow_dtype(fill.dtype.name)))


def range_(start: Value, limit: Value, delta: Value) -> Expression:
    bounds = [v if v.shape == () else tf.reshape(v, []) for v in (start, limit, delta)]
    if start.dtype not in ("int32", "int64", "float32", "float64"):  # no kernels for those
        wide = tf.int64 if start.known_dtype.startswith("int") else tf.float32
        numbers = tf.range(*[tf.cast(bound, wide) for bound in bounds])
        return tf.cast(numbers, tensorflow_dtype(start.known_dtype))
    return tf.range(*bounds)


def trilu(x: Value, k: Value | None = None, *, upper: int = 1) -> Expression:
    shift: Any = 0
    if k is not None:
        shift = k.ints("k")[0] if k.constant is not None else tf.cast(tf.reshape(k, []), tf.int32)
    rows, columns = axis_size(x, -2), axis_size(x, -1)
    difference = tf.range(columns)[None, :] - tf.range(rows)[:, None]
    keep = difference >= shift if upper else difference <= shift
    return tf.where(keep, x, tf.zeros_like(x))


def depth_to_space(x: Value, *, blocksize: int, mode: str = "DCR") -> Expression:
    """Channels-last data."""
    if mode == "DCR":
        return tf.nn.depth_to_space(x, blocksize)
    return Symbol("depth_to_space_crd")(x, blocksize)


def space_to_depth(x: Value, *, blocksize: int) -> Expression:
    """Channels-last data."""
    return tf.nn.space_to_depth(x, blocksize)


def eye_like(x: Value, *, dtype: int | None = None, k: int = 0) -> Expression:
    name = x.known_dtype if dtype is None else ir.DataType(dtype).numpy().name
    rows, columns = axis_size(x, 0), axis_size(x, -1)
    if k == 0 and name.startswith(("float", "int")):
        return tf.eye(rows, columns, dtype=tensorflow_dtype(name))
    difference = tf.range(columns)[None, :] - tf.range(rows)[:, None]
    return tf.cast(tf.equal(difference, k), tensorflow_dtype(name))
