"""Boxes and regions, and what has as many results as the data say."""

import torch


def non_max_suppression(boxes, scores, most, overlap, least, centred):
    """ONNX's NonMaxSuppression: [picked, 3] of batch, class and box."""
    if centred:
        centre, half = boxes[..., :2], boxes[..., 2:] / 2
        low, high = centre - half, centre + half
    else:
        low = torch.minimum(boxes[..., :2], boxes[..., 2:])
        high = torch.maximum(boxes[..., :2], boxes[..., 2:])
    area = (high - low).prod(-1)
    picked = []
    for b in range(scores.shape[0]):
        for c in range(scores.shape[1]):
            order = torch.sort(scores[b, c], descending=True, stable=True).indices
            if least is not None:
                order = order[scores[b, c][order] > least]
            count = 0
            while order.numel() and count < most:
                best, order = order[0], order[1:]
                picked.append(torch.stack([torch.tensor(b), torch.tensor(c), best.cpu()]))
                count += 1
                top = torch.maximum(low[b, best], low[b, order])
                end = torch.minimum(high[b, best], high[b, order])
                common = (end - top).clamp(min=0).prod(-1)
                order = order[common <= overlap * (area[b, best] + area[b, order] - common)]
    return torch.stack(picked) if picked else torch.zeros([0, 3], dtype=torch.int64)


def unique(x, axis, in_order):
    """ONNX's Unique: values, first places, inverse and counts; by value, or as they come."""
    data = x.flatten() if axis is None else x
    dim = 0 if axis is None else axis
    values, inverse, counts = torch.unique(data, return_inverse=True, return_counts=True, dim=dim)
    places = torch.arange(inverse.numel(), device=x.device)
    first = torch.full_like(counts, inverse.numel()).scatter_reduce(0, inverse, places, "amin")
    if not in_order:
        order = torch.argsort(first)
        values, first, counts = values.index_select(dim, order), first[order], counts[order]
        inverse = torch.argsort(order)[inverse]
    return values, first, inverse, counts


def roi_align(x, rois, batch, size, scale, ratio, half_pixel, mode):
    """ONNX's RoiAlign: [rois, channels, height, width]."""
    offset = 0.5 if half_pixel else 0.0
    results = []
    for roi, image in zip(rois, x[batch.long()]):
        low = roi[:2].flip(0) * scale - offset  # y, x
        span = roi[2:].flip(0) * scale - offset - low
        span = span if half_pixel else span.clamp(min=1.0)
        taken = image
        counts = []
        for axis in (0, 1):
            bins, old = size[axis], image.shape[1 + axis]
            step = span[axis] / bins
            count = ratio if ratio > 0 else int(torch.ceil(step))
            counts.append(count)
            inner = (torch.arange(count, device=x.device) + 0.5) / count
            at = low[axis] + (torch.arange(bins, device=x.device)[:, None] + inner) * step
            at = at.flatten()
            inside = (at >= -1) & (at <= old)
            at = at.clamp(0, old - 1)
            first = torch.floor(at).long()
            last = (first + 1).clamp(max=old - 1)
            part = (at - first) * inside
            shape = [1, -1, 1] if axis == 0 else [1, 1, -1]
            weights = ((1 - (at - first)) * inside, part)
            parts = (taken.index_select(1 + axis, p) for p in (first, last))
            taken = tuple(p * w.reshape(shape) for p, w in zip(parts, weights))
            taken = torch.stack(taken) if mode == "max" else taken[0] + taken[1]
            if mode == "max":  # the largest of the four weighted neighbours counts, not their sum
                taken = taken.flatten(0, 1) if axis == 0 else taken
        if mode == "max":
            taken = taken.reshape(2, 2, -1, *taken.shape[-2:]).amax((0, 1))
        grid = taken.reshape(-1, size[0], counts[0], size[1], counts[1])
        results.append(grid.amax((2, 4)) if mode == "max" else grid.mean((2, 4)))
    shape = [0, x.shape[1], *size]
    return torch.stack(results) if results else torch.zeros(shape, dtype=x.dtype)


def tensor_scatter(cache, update, starts, axis, circular):
    """ONNX's TensorScatter: each row's update, written from its own place on."""
    axis = axis % cache.ndim
    if starts is None:
        starts = torch.zeros(cache.shape[0], dtype=torch.int64, device=cache.device)
    places = starts[:, None] + torch.arange(update.shape[axis], device=cache.device)
    places = places % cache.shape[axis] if circular else places
    shape = [1] * cache.ndim
    shape[0], shape[axis] = places.shape
    return cache.scatter(axis, places.reshape(shape).expand(update.shape), update)
