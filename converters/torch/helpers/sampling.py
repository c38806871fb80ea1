"""Resize by ONNX's rules, one axis at a time."""

import torch


def resize(
    x, axes, sizes, scales, mode, coordinates, nearest=None, cubic=-0.75, exclude_outside=False,
    antialias=False, policy="stretch", roi=None, extrapolation=0.0,
):  # fmt: skip
    """ONNX's Resize to `sizes`, or by `scales`, along `axes`."""
    if policy != "stretch":
        ratios = [size / x.shape[axis] for size, axis in zip(sizes, axes)]
        scale = min(ratios) if policy == "not_larger" else max(ratios)
        scales = [scale] * len(axes)
        sizes = [int(scale * x.shape[axis] + 0.5) for axis in axes]
    outside = []
    for i, axis in enumerate(axes):
        old = x.shape[axis]
        scale = scales[i] if scales is not None else sizes[i] / old
        new = sizes[i] if sizes is not None else int(old * scale)
        crop = None if roi is None else (roi[i], roi[i + len(axes)])
        if crop is None and (new == old if scales is None else scale == 1):
            continue
        length = new if scales is None else old * scale
        at = resize_places(old, new, scale, length, coordinates, crop).to(x.device)
        if crop is not None:
            shape = [-1] + [1] * (x.ndim - 1 - axis % x.ndim)
            outside.append(((at < 0) | (at > old - 1)).reshape(shape))
        if mode == "nearest":
            x = x.index_select(axis, nearest_places(at, nearest).clamp(0, old - 1))
        else:
            stretch = min(scale, 1.0) if antialias else 1.0
            x = interpolate_axis(x, axis, at, mode, stretch, cubic, exclude_outside)
    for mask in outside:
        x = torch.where(mask, extrapolation, x)
    return x


def resize_places(old, new, scale, length, coordinates, crop):
    """Where each new entry lies among the old ones; `length` is the new one, maybe fractional."""
    at = torch.arange(new, dtype=torch.float64)
    if coordinates == "tf_crop_and_resize":
        start, end = crop
        if new == 1:
            return at * 0 + 0.5 * (start + end) * (old - 1)
        return start * (old - 1) + at * (end - start) * (old - 1) / (new - 1)
    if coordinates == "align_corners":
        # A fractional length, not the whole size, lies between the corners.
        return at * ((old - 1) / (length - 1)) if length != 1 else at * 0
    if coordinates == "asymmetric":
        return at / scale
    if coordinates == "pytorch_half_pixel" and new == 1:
        return at * 0
    if coordinates == "half_pixel_symmetric":
        return old / 2 * (1 - new / (scale * old)) + (at + 0.5) / scale - 0.5
    return (at + 0.5) / scale - 0.5


def nearest_places(at, rule):
    """The whole place that each is rounded to."""
    if rule == "round_prefer_floor":
        return torch.ceil(at - 0.5).long()
    if rule == "round_prefer_ceil":
        return torch.floor(at + 0.5).long()
    return (torch.floor(at) if rule == "floor" else torch.ceil(at)).long()


def interpolate_axis(x, axis, at, mode, stretch, cubic, exclude_outside):
    """Weighted sums of neighbours along an axis; `stretch` below 1 widens the filter."""
    old, reach = x.shape[axis], 1 if mode == "linear" else 2
    start = int(-reach // stretch) + 1
    offsets = torch.arange(start, reach * 2 - start - (reach - 1) * 2, device=x.device)
    places = torch.floor(at)[:, None] + offsets
    distance = ((places - at[:, None]) * stretch).abs()
    if mode == "linear":
        weights = (1 - distance).clamp(0, 1)
    else:
        near = ((cubic + 2) * distance - (cubic + 3)) * distance**2 + 1
        far = ((distance - 5) * distance + 8) * distance * cubic - 4 * cubic
        weights = torch.where(distance <= 1, near, torch.where(distance < 2, far, 0))
    if exclude_outside:
        weights = torch.where((places < 0) | (places > old - 1), 0, weights)
    if exclude_outside or stretch != 1:
        weights = weights / weights.sum(1, keepdim=True)
    places = places.long().clamp(0, old - 1)
    shape = [-1] + [1] * (x.ndim - 1 - axis % x.ndim)
    wide = x if x.is_floating_point() else x.to(torch.float32)
    result = 0
    for i in range(offsets.numel()):
        taken = wide.index_select(axis, places[:, i])
        result = result + taken * weights[:, i].reshape(shape).to(wide.dtype)
    return result.to(x.dtype)
