"""Resize by ONNX's rules, one axis at a time. Places are computed by NumPy: sizes are known."""

import jax.numpy as jnp
import numpy as np


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
        if (
            scales is not None
            and sizes is None
            and scales[i] == int(scales[i])
            and mode == "nearest"
        ):
            repeated = nearest_repeats(int(scales[i]), coordinates, nearest)
            if repeated:
                x = jnp.repeat(x, int(scales[i]), axis=axis)
                continue
        scale = scales[i] if scales is not None else sizes[i] / old
        new = sizes[i] if sizes is not None else int(old * scale)
        crop = None if roi is None else (roi[i], roi[i + len(axes)])
        if crop is None and (new == old if scales is None else scale == 1):
            continue
        length = new if scales is None else old * scale
        at = resize_places(old, new, scale, length, coordinates, crop)
        if crop is not None:
            shape = [-1] + [1] * (x.ndim - 1 - axis % x.ndim)
            outside.append(((at < 0) | (at > old - 1)).reshape(shape))
        if mode == "nearest":
            x = jnp.take(x, nearest_places(at, nearest).clip(0, old - 1), axis=axis)
        else:
            stretch = min(scale, 1.0) if antialias else 1.0
            x = interpolate_axis(x, axis, at, mode, stretch, cubic, exclude_outside)
    for mask in outside:
        x = jnp.where(mask, extrapolation, x)
    return x


def nearest_repeats(factor, coordinates, rule):
    """Whether stretching by a whole factor takes each entry that many times in a row."""
    if coordinates == "align_corners":
        return False
    new = np.arange(4 * factor)
    at = resize_places(4, 4 * factor, factor, 4 * factor, coordinates, None)
    return bool((nearest_places(at, rule).clip(0, 3) == new // factor).all())


def resize_places(old, new, scale, length, coordinates, crop):
    """Where each new entry lies among the old ones; `length` is the new one, maybe fractional."""
    at = np.arange(new, dtype=np.float64)
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
        return np.ceil(at - 0.5).astype(int)
    if rule == "round_prefer_ceil":
        return np.floor(at + 0.5).astype(int)
    return (np.floor(at) if rule == "floor" else np.ceil(at)).astype(int)


def interpolate_axis(x, axis, at, mode, stretch, cubic, exclude_outside):
    """Weighted sums of neighbours along an axis; `stretch` below 1 widens the filter."""
    old, reach = x.shape[axis], 1 if mode == "linear" else 2
    start = int(-reach // stretch) + 1
    offsets = np.arange(start, reach * 2 - start - (reach - 1) * 2)
    places = np.floor(at)[:, None] + offsets
    distance = np.abs((places - at[:, None]) * stretch)
    if mode == "linear":
        weights = (1 - distance).clip(0, 1)
    else:
        near = ((cubic + 2) * distance - (cubic + 3)) * distance**2 + 1
        far = ((distance - 5) * distance + 8) * distance * cubic - 4 * cubic
        weights = np.where(distance <= 1, near, np.where(distance < 2, far, 0))
    if exclude_outside:
        weights = np.where((places < 0) | (places > old - 1), 0, weights)
    if exclude_outside or stretch != 1:
        weights = weights / weights.sum(1, keepdims=True)
    places = places.astype(int).clip(0, old - 1)
    shape = [-1] + [1] * (x.ndim - 1 - axis % x.ndim)
    wide = x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.float32)
    result = 0
    for i in range(len(offsets)):
        taken = jnp.take(wide, places[:, i], axis=axis)
        result = result + taken * weights[:, i].reshape(shape).astype(wide.dtype)
    return result.astype(x.dtype)
