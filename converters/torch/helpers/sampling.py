"""Interpolation along one axis, by ONNX's rules."""

import torch


def resize_by(x, axes, sizes, scales, *options):
    """ONNX's Resize by sizes or scales known only at run time."""
    for i, axis in enumerate(axes):
        size, scale = sizes and sizes[i], scales and scales[i]
        if scale != 1 and size != x.shape[axis]:
            x = resize_axis(x, axis, size, scale, *options)
    return x


def resize_axis(x, axis, size, scale, mode, coordinates, nearest, cubic, exclude_outside):
    """ONNX's Resize along one axis: to `size`, or by `scale`."""
    old = x.shape[axis]
    new = int(old * scale) if size is None else size
    scale = new / old if scale is None else scale
    at = torch.arange(new, dtype=torch.float64, device=x.device)
    if coordinates == "align_corners":
        # The stretched length may be fractional: it, not the whole size, lies between the corners.
        length = old * scale if size is None else new
        at = at * ((old - 1) / (length - 1)) if length != 1 else at * 0
    elif coordinates == "asymmetric":
        at = at / scale
    elif coordinates == "pytorch_half_pixel" and new == 1:
        at = at * 0
    elif coordinates == "half_pixel_symmetric":
        adjusted = new / (scale * old)
        at = old / 2 * (1 - adjusted) + (at + 0.5) / scale - 0.5
    else:
        at = (at + 0.5) / scale - 0.5
    if mode == "nearest":
        place = {
            "round_prefer_floor": lambda v: torch.ceil(v - 0.5),
            "round_prefer_ceil": lambda v: torch.floor(v + 0.5),
            "floor": torch.floor,
            "ceil": torch.ceil,
        }[nearest](at)
        return x.index_select(axis, place.long().clamp(0, old - 1))
    first = torch.floor(at)
    part = at - first
    if mode == "linear":
        offsets, weights = (0, 1), [1 - part, part]
    else:
        offsets, weights = (-1, 0, 1, 2), []
        for distance in (part + 1, part, 1 - part, 2 - part):
            near = ((cubic + 2) * distance - (cubic + 3)) * distance**2 + 1
            far = ((distance - 5) * distance + 8) * distance * cubic - 4 * cubic
            weights.append(torch.where(distance <= 1, near, far))
    places = [first.long() + offset for offset in offsets]
    if exclude_outside:
        inside = [(p >= 0) & (p < old) for p in places]
        weights = [torch.where(i, w, 0) for i, w in zip(inside, weights)]
        total = sum(weights)
        weights = [w / total for w in weights]
    shape = [-1] + [1] * (x.ndim - 1 - axis % x.ndim)
    wide = x if x.is_floating_point() else x.to(torch.float32)
    result = 0
    for place, weight in zip(places, weights):
        taken = wide.index_select(axis, place.clamp(0, old - 1))
        result = result + taken * weight.reshape(shape).to(wide.dtype)
    return result.to(x.dtype)
