"""Cutting, padding and rearranging."""

import jax.numpy as jnp


def reshape(x, shape, allowzero):
    """ONNX's Reshape to a shape known only at run time: 0 copies a size, unless `allowzero`."""
    sizes = shape.tolist()
    if not allowzero:
        sizes = [x.shape[i] if size == 0 else size for i, size in enumerate(sizes)]
    if -1 in sizes and 0 in sizes:
        sizes[sizes.index(-1)] = 0
    return x.reshape(sizes)


def expand(x, shape):
    """ONNX's Expand, where either side may be 1."""
    return jnp.broadcast_to(x, jnp.broadcast_shapes(x.shape, tuple(shape)))


def split(x, parts, axis):
    """Parts of the given sizes."""
    ends = [sum(parts[: i + 1]) for i in range(len(parts) - 1)]
    return jnp.split(x, ends, axis=axis)


def split_evenly(x, count, axis):
    """`count` parts of equal size; the last may be smaller."""
    each = -(-x.shape[axis] // count)
    return jnp.split(x, [each * (i + 1) for i in range(count - 1)], axis=axis)


def split_to_sequence(x, parts, axis, keepdims):
    """ONNX's SplitToSequence: by sizes, by one size for all but the last, or entry by entry."""
    size = x.shape[axis]
    if parts is None and not keepdims:
        return [x.take(i, axis) for i in range(size)]
    if not isinstance(parts, list):
        each = parts or 1
        return jnp.split(x, list(range(each, size, each)), axis=axis)
    return split(x, parts, axis)


def slice_by(x, starts, ends, axes=None, steps=None):
    """ONNX's Slice, whose bounds are Python's."""
    axes = range(len(starts)) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    index = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps):
        index[axis] = slice(start, end, step)
    return x[tuple(index)]


def pad_by(x, pads, axes, mode, value):
    """ONNX's Pad on any axes: `pads` has all amounts before, then all after; below zero they cut."""
    axes = range(x.ndim) if axes is None else axes
    half = len(pads) // 2
    for before, after, axis in zip(pads[:half], pads[half:], axes):
        index = [slice(None)] * x.ndim
        index[axis] = slice(max(0, -before), x.shape[axis] - max(0, -after))
        around = [(0, 0)] * x.ndim
        around[axis] = (max(0, before), max(0, after))
        options = {"constant_values": value} if mode == "constant" else {"mode": mode}
        x = jnp.pad(x[tuple(index)], around, **options)
    return x


def depth_to_space(x, block, block_first):
    """ONNX's DepthToSpace; `block_first`: the block's position comes first in the channels (DCR)."""
    n, c, h, w = x.shape
    if block_first:
        x = x.reshape(n, block, block, c // block**2, h, w).transpose(0, 3, 4, 1, 5, 2)
    else:
        x = x.reshape(n, c // block**2, block, block, h, w).transpose(0, 1, 4, 2, 5, 3)
    return x.reshape(n, c // block**2, h * block, w * block)


def space_to_depth(x, block):
    """ONNX's SpaceToDepth: the block's position comes first in the channels."""
    n, c, h, w = x.shape
    x = x.reshape(n, c, h // block, block, w // block, block).transpose(0, 3, 5, 1, 2, 4)
    return x.reshape(n, c * block**2, h // block, w // block)
