"""What has as many results as the data say."""

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
