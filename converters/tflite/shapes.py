"""What says of sizes all that is known of them: TFLite's converter sees no others, and wants some."""

from __future__ import annotations

from typing import Any

from interop.converters.tensorflow.lowerings import sampling
from interop.converters.tensorflow.lowerings import shape as tensorflow
from interop.converters.tensorflow.lowerings.common import axis_size, tf

from interop.source.expression import Expression, Symbol
from interop.source.printer import Node
from interop.source.values import Value


def pad(
    x: Value, pads: Value, value: Value | None = None, axes: Value | None = None, *,
    mode: str = "constant",
) -> Expression:  # fmt: skip
    """PAD, which its delegates have, and not PADV2."""
    return tensorflow.padded(x, pads, value, axes, mode, None)


def reshape(x: Value, shape: Value, *, allowzero: int = 0, node: Node) -> Expression:
    """A target that the model computes, with the sizes in it that are known."""
    known = node.outputs[0].shape
    if shape.constant is None and known is not None and any(size is not None for size in known):
        target = tensorflow.computed_target(x, shape, allowzero)
        if target is not None:
            return Symbol("reshape_known")(x, target, list(known))
    return tensorflow.reshape(x, shape, allowzero=allowzero)


def squeeze(x: Value, axes: Value | None = None) -> Expression:
    """By a Reshape: its converter writes a Squeeze over open sizes that it then refuses itself."""
    if axes is None or axes.constant is None or x.shape is None or None not in x.shape:
        return tensorflow.squeeze(x, axes)
    gone = {axis % len(x.shape) for axis in axes.ints("axes")}
    return tf.reshape(x, [axis_size(x, a) for a in range(len(x.shape)) if a not in gone])


def resize(
    x: Value, roi: Value | None = None, scales: Value | None = None, sizes: Value | None = None,
    **attributes: Any,
) -> Expression:  # fmt: skip
    """Images whose pixels are repeated, by its own operator."""
    repeats = sampling.whole_repeats(
        x, scales, attributes.get("axes"), attributes.get("mode", "nearest"),
        attributes.get("coordinate_transformation_mode", "half_pixel"),
        attributes.get("nearest_mode", "round_prefer_floor"),
    )  # fmt: skip
    image = x.known_rank == 4 and x.dtype == "float32"
    if repeats is not None and image and repeats.keys() <= {1, 2}:
        size = [axis_size(x, axis) * repeats.get(axis, 1) for axis in (1, 2)]
        return tf.image.resize(x, size, method="nearest")
    return sampling.resize(x, roi, scales, sizes, **attributes)
