"""Cutting, padding and rearranging."""

import torch
import torch.nn.functional as F


def narrowed(results, dtypes):
    """Results with those that have a dtype given cast to it."""
    return [r if d is None else r.to(d) for r, d in zip(results, dtypes)]


def reshape(x, shape, allowzero):
    """ONNX's Reshape to a shape known only at run time: 0 copies a size, unless `allowzero`."""
    sizes = shape.tolist()
    if not allowzero:
        sizes = [x.shape[i] if size == 0 else size for i, size in enumerate(sizes)]
    if -1 in sizes and 0 in sizes:
        sizes[sizes.index(-1)] = 0
    return x.reshape(sizes)


def unsqueeze(x, axes):
    """ONNX's Unsqueeze at axes known only at run time."""
    rank = x.ndim + axes.numel()
    for axis in sorted(axis % rank for axis in axes.reshape(-1).tolist()):
        x = x.unsqueeze(axis)
    return x


def split_evenly(x, count, axis):
    """`count` parts of equal size; the last may be smaller."""
    size = x.shape[axis]
    each = -(-size // count)
    return torch.split(x, [each] * (count - 1) + [size - each * (count - 1)], dim=axis)


def slice_by(x, starts, ends, axes=None, steps=None):
    """ONNX's Slice, whose bounds are Python's; torch's own slices have no negative steps."""
    axes = range(len(starts)) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    for start, end, axis, step in zip(starts, ends, axes, steps):
        index = [slice(None)] * x.ndim
        axis = axis % x.ndim
        if step > 0:
            index[axis] = slice(start, end, step)
            x = x[tuple(index)]
            continue
        picked = range(x.shape[axis])[start:end:step]
        index[axis] = slice(picked[-1], picked[0] + 1, -step) if picked else slice(0, 0)
        x = x[tuple(index)].flip(axis)
    return x


def pad_by(x, pads, axes, mode, value):
    """ONNX's Pad in any mode, on any axes: `pads` has all amounts before, then all after."""
    axes = range(x.ndim) if axes is None else axes
    for before, after, axis in zip(pads[: len(pads) // 2], pads[len(pads) // 2 :], axes):
        axis, size = axis % x.ndim, x.shape[axis]
        if mode == "constant" or before < 0 or after < 0:
            flat = [0, 0] * (x.ndim - 1 - axis)
            x = F.pad(x, [*flat, before, after], value=value)
            continue
        place = torch.arange(-before, size + after, device=x.device)
        if mode == "edge":
            place = place.clamp(0, size - 1)
        elif mode == "wrap":
            place = place % size
        else:  # there and back again
            place = (place % max(2 * size - 2, 1) - (size - 1)).abs()
            place = size - 1 - place
        x = x.index_select(axis, place)
    return x


def depth_to_space(x, block):
    """ONNX's DepthToSpace of mode DCR: the block's position comes first in the channels."""
    n, c, h, w = x.shape
    x = x.reshape(n, block, block, c // block**2, h, w).permute(0, 3, 4, 1, 5, 2)
    return x.reshape(n, c // block**2, h * block, w * block)


def space_to_depth(x, block):
    """ONNX's SpaceToDepth: the block's position comes first in the channels."""
    n, c, h, w = x.shape
    x = x.reshape(n, c, h // block, block, w // block, block).permute(0, 3, 5, 1, 2, 4)
    return x.reshape(n, c * block**2, h // block, w // block)


def eye(rows, columns, shift, dtype):
    """Ones on a diagonal."""
    return (torch.arange(rows)[:, None] + shift == torch.arange(columns)).to(dtype)


def to_float8(x, dtype, saturate):
    """Cast to eight bits; what lies beyond, infinities too, becomes the largest if it saturates."""
    x = x.to(torch.float32)
    if saturate:
        x = x.clamp(-torch.finfo(dtype).max, torch.finfo(dtype).max)
    elif dtype == torch.float8_e4m3fn:  # torch saturates; half a step above the largest is NaN
        x = torch.where(x.abs() > 464, torch.nan, x)
    return x.to(dtype)
