"""Boxes and patches."""

from __future__ import annotations

from interop.converters.tensorflow.lowerings.common import tf

from interop.source.expression import Expression, Symbol
from interop.source.values import Refusal, Value


def non_max_suppression(
    boxes: Value, scores: Value, limit: Value | None = None, overlap: Value | None = None,
    threshold: Value | None = None, *, center_point_box: int = 0,
) -> Expression:  # fmt: skip
    if limit is None:  # no boxes at all
        return tf.zeros([0, 3], tf.int64)
    return Symbol("non_max_suppression")(
        boxes, scores, limit, 0.0 if overlap is None else overlap,
        float("-inf") if threshold is None else threshold, bool(center_point_box),
    )  # fmt: skip


def col2im(
    x: Value, image: Value, block: Value, *, dilations: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    rank = image.dim(0)
    if rank is None:
        raise Refusal("the number of spatial dimensions is not known")
    return Symbol("col2im")(
        x, image, block, dilations or [1] * rank, pads or [0] * (2 * rank), strides or [1] * rank
    )
