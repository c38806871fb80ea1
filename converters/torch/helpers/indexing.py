"""Gathering and scattering by index."""

import torch
import torch.nn.functional as F


def embedding(weight, indices):
    """Rows of a table; negative indices count from its end, which a remainder says at once."""
    return F.embedding(indices % weight.shape[0], weight)


def gather_nd(x, indices, batch_dims):
    """ONNX's GatherND."""
    ranges = [torch.arange(n, device=x.device) for n in x.shape[:batch_dims]]
    rank = indices.ndim - 1
    grid = [r.reshape([-1 if i == j else 1 for j in range(rank)]) for i, r in enumerate(ranges)]
    return x[(*grid, *indices.long().unbind(-1))]


def scatter_nd(x, indices, updates, reduction):
    """ONNX's ScatterND; `reduction` by torch's name, or None."""
    depth = indices.shape[-1]
    index = tuple(indices.long().unbind(-1))
    if reduction is None or reduction == "sum":
        return x.index_put(index, updates, accumulate=reduction == "sum")
    place = torch.zeros(indices.shape[:-1], dtype=torch.int64, device=x.device)
    for i, size in zip(index, x.shape[:depth]):
        place = place * size + i % size
    rows = x.flatten(0, depth - 1).reshape(x.shape[:depth].numel(), -1)
    new = updates.reshape(place.numel(), -1)
    place = place.reshape(-1, 1).expand(new.shape)
    return torch.scatter_reduce(rows, 0, place, new, reduction).reshape(x.shape)


def one_hot(indices, depth, values, axis):
    """ONNX's OneHot: `values` are off and on; an index out of range has no place."""
    whole = indices.long()
    whole = torch.where(whole < 0, whole + depth, whole)
    axis = axis % (whole.ndim + 1)
    places = torch.arange(depth, device=whole.device)
    places = places.reshape([-1] + [1] * (whole.ndim - axis))
    return torch.where(whole.unsqueeze(axis) == places, values[1], values[0])


def reverse_sequence(x, lengths, batch_axis, time_axis):
    """The first entries of each row of the batch, in reverse."""
    moved = x.movedim((batch_axis, time_axis), (0, 1))
    steps = torch.arange(moved.shape[1], device=x.device)
    lengths = lengths.long()[:, None]
    places = torch.where(steps < lengths, lengths - 1 - steps, steps)
    rows = torch.arange(moved.shape[0], device=x.device)[:, None]
    return moved[rows, places].movedim((0, 1), (batch_axis, time_axis))
