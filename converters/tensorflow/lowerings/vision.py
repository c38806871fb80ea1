"""Sampling by grids, boxes and patches."""

from __future__ import annotations

from interop.converters.tensorflow.lowerings.common import tf

from interop.source.expression import Expression, Symbol
from interop.source.values import Refusal, Value

#: Before opset 20 the modes had the names of their two-dimensional cases.
_MODES = {"bilinear": "linear", "bicubic": "cubic"}


def grid_sample(
    x: Value, grid: Value, *, align_corners: int = 0, mode: str = "linear",
    padding_mode: str = "zeros",
) -> Expression:  # fmt: skip
    """Channels last."""
    return Symbol("grid_sample")(x, grid, _MODES.get(mode, mode), padding_mode, bool(align_corners))


def deform_conv(
    x: Value, w: Value, offset: Value, b: Value | None = None, mask: Value | None = None, *,
    dilations: list[int] | None = None, group: int = 1, kernel_shape: list[int] | None = None,
    offset_group: int = 1, pads: list[int] | None = None, strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    if w.shape is None or len(w.shape) != 4 or None in w.shape or x.dim(1) is None:
        raise Refusal("only two dimensions, with weights of known shape, are covered")
    return Symbol("deform_conv")(
        x, w, offset, b, mask, strides or [1, 1], pads or [0] * 4, dilations or [1, 1], group,
        offset_group,
    )  # fmt: skip


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


def roi_align(
    x: Value, rois: Value, batches: Value, *, coordinate_transformation_mode: str = "half_pixel",
    mode: str = "avg", output_height: int = 1, output_width: int = 1, sampling_ratio: int = 0,
    spatial_scale: float = 1.0,
) -> Expression:  # fmt: skip
    return Symbol("roi_align")(
        x, rois, batches, [output_height, output_width], sampling_ratio, spatial_scale, mode,
        coordinate_transformation_mode == "half_pixel",
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


def max_unpool(
    x: Value, indices: Value, shape: Value | None = None, *, kernel_shape: list[int],
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    rank = len(kernel_shape)
    return Symbol("max_unpool")(
        x, indices, kernel_shape, strides or [1] * rank, pads or [0] * (2 * rank), shape
    )


def max_roi_pool(
    x: Value, rois: Value, *, pooled_shape: list[int], spatial_scale: float = 1.0
) -> Expression:
    return Symbol("max_roi_pool")(x, rois, pooled_shape, spatial_scale)
