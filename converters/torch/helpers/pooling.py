"""Pools beyond torch's own: uneven padding, dilated averages, places in the whole tensor."""

import torch
import torch.nn.functional as F


def pool_windows(x, kernel, strides, pads, dilations, ceil_mode, fill):
    """Strided views of the padded x, stacked last: one for each position in the window.

    Returns them, and the number of windows along each spatial axis.
    """
    rank = len(kernel)
    counts, around = [], []
    for i in range(rank):
        size, (before, after) = x.shape[i + 2], pads[i]
        reach = (kernel[i] - 1) * dilations[i] + 1
        span = size + before + after - reach
        count = (-(-span // strides[i]) if ceil_mode else span // strides[i]) + 1
        if ceil_mode and (count - 1) * strides[i] >= size + before:
            count -= 1  # a window has to start inside
        counts.append(count)
        around.append((before, max(after, (count - 1) * strides[i] + reach - size - before)))
    x = F.pad(x, [amount for pair in reversed(around) for amount in pair], value=fill)
    views = []
    for offset in torch.cartesian_prod(*map(torch.arange, kernel)).reshape(-1, rank).tolist():
        index = [slice(None), slice(None)]
        for i, place in enumerate(offset):
            start = place * dilations[i]
            index.append(slice(start, start + (counts[i] - 1) * strides[i] + 1, strides[i]))
        views.append(x[tuple(index)])
    return torch.stack(views, -1), counts


def max_pool(x, kernel, strides, pads, dilations, ceil_mode, column_major):
    """ONNX's MaxPool with the places of the maxima, counted over the whole tensor."""
    fill = -torch.inf if x.is_floating_point() else torch.iinfo(x.dtype).min
    options = (kernel, strides, pads, dilations, ceil_mode)
    values, which = pool_windows(x, *options, fill)[0].max(-1)
    spatial = x.shape[2:]
    steps, step = [], 1
    for size in spatial if column_major else reversed(spatial):
        steps.append(step)
        step = step * size
    steps = steps if column_major else steps[::-1]
    place = torch.zeros(spatial, dtype=torch.int64, device=x.device)
    for i, size in enumerate(spatial):
        along = torch.arange(size, device=x.device) * steps[i]
        place = place + along.reshape([-1 if j == i else 1 for j in range(len(spatial))])
    planes = torch.arange(x.shape[0] * x.shape[1], device=x.device) * step
    place = place + planes.reshape(x.shape[0], x.shape[1], *[1] * len(spatial))
    places = pool_windows(place, *options, 0)[0]
    return values, places.gather(-1, which.unsqueeze(-1)).squeeze(-1)


def average_pool(x, kernel, strides, pads, dilations, ceil_mode, count_include_pad):
    """ONNX's AveragePool with uneven padding or dilations."""
    total = pool_windows(x, kernel, strides, pads, dilations, ceil_mode, 0)[0].sum(-1)
    ones = torch.ones_like(x[:1, :1])
    if count_include_pad:
        ones = F.pad(ones, [n for pair in reversed(pads) for n in pair], value=1)
        pads = [[0, 0]] * len(kernel)
    counts = pool_windows(ones, kernel, strides, pads, dilations, ceil_mode, 0)[0].sum(-1)
    return total / counts


def lp_pool(x, kernel, strides, pads, dilations, ceil_mode, p):
    """ONNX's LpPool."""
    windows = pool_windows(x, kernel, strides, pads, dilations, ceil_mode, 0)[0]
    return torch.linalg.vector_norm(windows, ord=p, dim=-1)


def max_unpool(x, indices, shape, wanted):
    """ONNX's MaxUnpool: values at their places in a tensor of `shape`, within one of `wanted`."""
    total = 1
    for size in shape:
        total = total * size
    flat = torch.zeros(total, dtype=x.dtype, device=x.device)
    result = flat.scatter(0, indices.flatten(), x.flatten()).reshape(shape)
    if wanted is None:
        return result
    return F.pad(result, [n for w, s in zip(reversed(wanted), reversed(shape)) for n in (0, w - s)])
