"""Regions of interest: pooled from an image, and chosen among."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from interop.graph.decompositions.builder import Builder, Operator, known

_LOWEST = -np.inf


def roi_align(op: Builder, node: Operator) -> ir.Value:
    """x [N, C, H, W] in rois [R, 4] (x1, y1, x2, y2) of images batch [R]: [R, C, h, w].

    Bilinear sampling is separable: a matrix per region and axis, [R, samples, length].
    """
    x, rois, batch = node[0], node[1], node[2]
    half = node.attribute("coordinate_transformation_mode", "half_pixel") == "half_pixel"
    scaled = op.Mul(rois, float(node.attribute("spatial_scale", 1.0)))
    if half:
        scaled = op.Sub(scaled, 0.5)
    ratio = node.attribute("sampling_ratio", 0)
    images = op.Gather(x, batch, axis=0)  # [R, C, H, W]
    rows = _Samples(op, scaled, 1, op.size(x, 2), node.attribute("output_height", 1), ratio, half)
    columns = _Samples(op, scaled, 0, op.size(x, 3), node.attribute("output_width", 1), ratio, half)
    if node.attribute("mode", "avg") == "avg":
        left = op.CastLike(op.Unsqueeze(rows.mean(), [1]), x)
        right = op.CastLike(op.Unsqueeze(columns.mean(), [1]), x)
        return op.MatMul(op.MatMul(left, images), op.Transpose(right, perm=[0, 1, 3, 2]))  # type: ignore[no-any-return]
    # The largest of the weighted corners, not of their sums: so the standard has it.
    corners = [
        op.MatMul(
            op.MatMul(op.Unsqueeze(left, [1]), images),
            op.Transpose(op.Unsqueeze(right, [1]), perm=[0, 1, 3, 2]),
        )
        for left in (rows.low, rows.high)
        for right in (columns.low, columns.high)
    ]
    grid = op.vector(0, 0, rows.bins, rows.most, columns.bins, columns.most)
    value = op.Reshape(op.Max(*corners), grid)  # [R, C, h, samples, w, samples]
    counted = op.And(
        op.Unsqueeze(rows.counted, [1, 2, 4, 5]), op.Unsqueeze(columns.counted, [1, 2, 3, 4])
    )
    return op.ReduceMax(op.Where(counted, value, _LOWEST), [3, 5], keepdims=0)  # type: ignore[no-any-return]


class _Samples:
    """Where each region is sampled along one axis.

    `low` and `high` are the weights of the two pixels around each sample: [R, bins × most, length];
    of `most` samples in a bin those are real that are `counted`: [R, most].
    """

    def __init__(
        self,
        op: Builder,
        rois: ir.Value,
        first: int,
        length: ir.Value,
        bins: int,
        ratio: int,
        half: bool,
    ) -> None:
        start, stop = op.slice(rois, 1, first, first + 1), op.slice(rois, 1, first + 2, first + 3)
        extent = op.Sub(stop, start)
        if not half:
            extent = op.Max(extent, 1.0)
        share = op.Div(extent, float(bins))  # [R, 1]
        self._op, self.bins = op, bins
        if ratio > 0:
            self.most: ir.Value = op.constant([ratio], np.int64)
            self.count = op.Add(op.Mul(share, 0.0), float(ratio))
        else:
            self.count = op.Max(op.Ceil(share), 1.0)
            self.most = op.reshape(op.cast(op.ReduceMax(self.count), np.int64), 1)
        step = op.CastLike(op.range(self.most), rois)
        self.counted = op.Less(op.Unsqueeze(step, [0]), self.count)
        inner = op.Unsqueeze(op.Div(op.Add(step, 0.5), self.count), [1])  # [R, 1, most]
        bin_at = op.CastLike(op.constant(np.arange(bins).reshape(1, bins, 1), np.float32), rois)
        wide = op.Unsqueeze(share, [2])
        at = op.Add(op.Unsqueeze(start, [2]), op.Mul(op.Add(bin_at, inner), wide))
        at = op.Reshape(at, op.vector(0, op.Mul(self.most, bins), 1))
        last = op.CastLike(op.Sub(length, 1), rois)
        outside = op.Or(op.Less(at, -1.0), op.Greater(at, op.Add(last, 1.0)))
        inside = op.CastLike(op.Not(outside), rois)
        at = op.Min(op.Max(at, 0.0), last)
        low = op.Floor(at)
        part = op.Sub(at, low)
        pixels = op.CastLike(op.range(length), rois)
        self.low = op.Mul(
            op.CastLike(op.Equal(low, pixels), rois),
            op.Mul(op.Sub(inside, op.Mul(part, inside)), 1.0),
        )
        above = op.CastLike(op.Equal(op.Min(op.Add(low, 1.0), last), pixels), rois)
        self.high = op.Mul(above, op.Mul(part, inside))

    def mean(self) -> ir.Value:
        """The average of the samples of each bin: [R, bins, length]."""
        op = self._op
        both = op.Add(self.low, self.high)
        by_bin = op.Reshape(both, op.vector(0, self.bins, self.most, -1))
        mask = op.CastLike(op.Unsqueeze(self.counted, [1, 3]), both)
        total = op.ReduceSum(op.Mul(by_bin, mask), [2], keepdims=0)
        return op.Div(total, op.Unsqueeze(self.count, [2]))  # type: ignore[no-any-return]


def max_roi_pool(op: Builder, node: Operator) -> ir.Value:
    """x [N, C, H, W] in rois [R, 5] (image, x1, y1, x2, y2): [R, C, h, w]; 0 in an empty bin."""
    x, rois = node[0], node[1]
    height, width = node.attribute("pooled_shape")
    images = op.Gather(x, op.cast(op.reshape(op.slice(rois, 1, 0, 1), -1), np.int64), axis=0)
    corners = op.Mul(op.slice(rois, 1, 1, 5), float(node.attribute("spatial_scale")))
    corners = op.Floor(op.Add(corners, 0.5))
    in_columns = _bins(op, corners, 0, op.size(x, 3), width)  # [R, w, W]
    in_rows = _bins(op, corners, 1, op.size(x, 2), height)
    by_column = op.Where(op.Unsqueeze(in_columns, [1, 2]), op.Unsqueeze(images, [3]), _LOWEST)
    columns = op.ReduceMax(by_column, [4], keepdims=0)  # [R, C, H, w]
    turned = op.Unsqueeze(op.Transpose(columns, perm=[0, 1, 3, 2]), [2])
    by_row = op.Where(op.Unsqueeze(in_rows, [1, 3]), turned, _LOWEST)
    result = op.ReduceMax(by_row, [4], keepdims=0)
    return op.Where(op.Equal(result, _LOWEST), 0.0, result)  # type: ignore[no-any-return]


def _bins(op: Builder, corners: ir.Value, first: int, length: ir.Value, bins: int) -> ir.Value:
    """Which pixels are in which bin: bool [R, bins, length]."""
    start = op.Unsqueeze(op.slice(corners, 1, first, first + 1), [2])
    stop = op.Unsqueeze(op.slice(corners, 1, first + 2, first + 3), [2])
    share = op.Div(op.Max(op.Add(op.Sub(stop, start), 1.0), 1.0), float(bins))
    at = op.CastLike(op.constant(np.arange(bins).reshape(1, bins, 1), np.float32), corners)
    low = op.Add(op.Floor(op.Mul(at, share)), start)
    high = op.Add(op.Ceil(op.Mul(op.Add(at, 1.0), share)), start)
    pixels = op.CastLike(op.range(length), corners)
    return op.And(op.GreaterOrEqual(pixels, low), op.Less(pixels, high))  # type: ignore[no-any-return]


def non_max_suppression(op: Builder, node: Operator) -> ir.Value:
    """boxes [B, N, 4] and scores [B, C, N]: (image, class, box) of those kept, int64 [K, 3].

    All images and classes at once: each turn of a Loop takes the best box that is left of every one,
    and strikes out what overlaps it.
    """
    boxes, scores = node[0], node[1]
    most, overlap, least = node.get(2), node.get(3), node.get(4)
    if most is None or (known(most) is not None and not np.any(known(most))):
        return op.constant(np.zeros((0, 3)), np.int64)
    if least is not None:
        enough = op.Greater(scores, op.reshape(least, 1))
        scores = op.Where(enough, scores, _LOWEST)
        scores.shape = node[1].shape
    low, high = _corners(op, boxes, bool(node.attribute("center_point_box")))
    low.shape = high.shape = ir.Shape([None, None, 2])
    extent = op.Sub(high, low)
    area = op.ReduceProd(extent, [-1], keepdims=0)  # [B, N]
    limit = op.reshape(most, 1)
    # Where the number of boxes is known, so are the turns, though what is found in some is left out.
    bounded = most.const_value is None and op.size(boxes, 1).const_value is not None
    area.shape = ir.Shape([None, None])
    turns = op.size(boxes, 1) if bounded else op.Min(limit, op.size(boxes, 1))
    turns = op.constant(turns.const_value.numpy()[0]) if bounded else op.Squeeze(turns, [0])  # type: ignore[union-attr]
    threshold = op.constant(0.0, np.float32) if overlap is None else op.reshape(overlap, 1)

    def take(body: Builder, left: ir.Value) -> tuple[ir.Value, list[ir.Value]]:
        """`left`: scores, -inf where struck out."""
        best = body.ArgMax(left, axis=2, keepdims=0)  # [B, C]
        real = body.Greater(body.ReduceMax(left, [2], keepdims=0), _LOWEST)
        own_low, own_high, own_area = (
            body.Unsqueeze(_picked(body, x, best, axes), [2])
            for x, axes in ((low, 3), (high, 3), (area, 2))
        )
        shared = body.Sub(
            body.Min(own_high, body.Unsqueeze(high, [1])),
            body.Max(own_low, body.Unsqueeze(low, [1])),
        )
        common = body.ReduceProd(body.Max(shared, 0.0), [-1], keepdims=0)  # [B, C, N]
        union = body.Sub(body.Add(own_area, body.Unsqueeze(area, [1])), common)
        # Multiplied out, boxes without area strike out nothing.
        struck = body.Greater(common, body.Mul(threshold, union))
        itself = body.Equal(body.range(body.size(left, 2)), body.Unsqueeze(best, [2]))
        rest = body.Where(body.Or(struck, itself), _LOWEST, left)
        return rest, [best, real]

    chosen, real = op.repeat(turns, scores, take)
    chosen.shape = real.shape = ir.Shape([None, None, None])
    real = op.Transpose(real, perm=[1, 2, 0])
    chosen = op.Transpose(chosen, perm=[1, 2, 0])
    if bounded:
        real = op.And(real, op.Less(op.range(op.size(boxes, 1)), op.cast(limit, np.int64)))
    where = op.Transpose(op.NonZero(real), perm=[1, 0])  # image, class, turn
    box = op.Unsqueeze(op.GatherND(chosen, where), [1])
    return op.Concat(op.slice(where, 1, 0, 2), box, axis=1)  # type: ignore[no-any-return]


def _picked(op: Builder, x: ir.Value, best: ir.Value, axes: int) -> ir.Value:
    """x [B, N, …], of so many axes, at best [B, C]: [B, C, …]."""
    # onnx does not see constants of the graph around it from inside a body.
    indices = op.Unsqueeze(best, [2])
    indices.shape = ir.Shape([None, None, 1])
    made: ir.Value = op.GatherND(x, indices, batch_dims=1)
    made.shape = ir.Shape([None] * axes)
    return made


def _corners(op: Builder, boxes: ir.Value, centred: bool) -> tuple[ir.Value, ir.Value]:
    first, second = op.slice(boxes, 2, 0, 2), op.slice(boxes, 2, 2, 4)
    if centred:
        half = op.Div(second, 2.0)
        return op.Sub(first, half), op.Add(first, half)
    return op.Min(first, second), op.Max(first, second)


def crop_and_resize(op: Builder, node: Operator) -> ir.Value:
    """com.microsoft: x [N, C, H, W], rois [R, 4] (y1, x1, y2, x2, each 0 … 1), image [R], size [2]."""
    x, rois, batch, size = node[0], node[1], node[2], node[3]
    images = op.Gather(x, batch, axis=0)
    outside = float(node.attribute("extrapolation_value", 0.0))
    matrices, inside = [], []
    for axis in (0, 1):
        start, stop = op.slice(rois, 1, axis, axis + 1), op.slice(rois, 1, axis + 2, axis + 3)
        length = op.size(x, 2 + axis)
        last = op.cast(op.Sub(length, 1), np.float32)
        count = op.cast(op.Slice(size, [axis], [axis + 1]), np.int64)
        steps = op.cast(op.Sub(count, 1), np.float32)
        middle = op.Mul(op.Mul(op.Add(start, stop), 0.5), last)
        step = op.Div(op.Mul(op.Sub(stop, start), last), op.Max(steps, 1.0))
        first = op.Where(op.Greater(steps, 0.0), op.Mul(start, last), middle)
        at = op.Unsqueeze(op.Add(first, op.Mul(op.range(count, np.float32), step)), [2])
        inside.append(op.And(op.GreaterOrEqual(at, 0.0), op.LessOrEqual(at, last)))
        pixels = op.range(length, np.float32)
        if node.attribute("mode", "bilinear") == "nearest":
            nearest = op.Floor(op.Add(at, 0.5))
            matrices.append(op.cast(op.Equal(nearest, pixels), np.float32))
        else:
            # A tent over each sample's place: its height at the two pixels around it.
            matrices.append(op.Max(op.Sub(1.0, op.Abs(op.Sub(at, pixels))), 0.0))
    left, right = (op.Unsqueeze(matrix, [1]) for matrix in matrices)
    value = op.MatMul(op.MatMul(left, images), op.Transpose(right, perm=[0, 1, 3, 2]))
    shown = op.And(
        op.Unsqueeze(inside[0], [1]), op.Transpose(op.Unsqueeze(inside[1], [1]), perm=[0, 1, 3, 2])
    )
    return op.Where(shown, value, outside)  # type: ignore[no-any-return]
