"""Reductions with what torch's own lack."""

import torch
import torch.nn.functional as F


def reduce_over(function, x, axes, keepdims, noop, **options):
    """Reduce over axes known only at run time; over none of them means over all, or no-op."""
    dims = axes.tolist()
    if not dims and noop:
        return x
    return function(x, dim=dims or list(range(x.ndim)), keepdim=keepdims, **options)


def product(x, dim, keepdim, dtype=None):
    """torch.prod over several axes."""
    for axis in sorted((d % x.ndim for d in dim), reverse=True):
        x = torch.prod(x, axis, keepdim=keepdim, dtype=dtype)
    return x


def highest(x, dim, keepdim):
    """torch.amax, with the lowest value for an empty set."""
    if x.numel():
        return torch.amax(x, dim, keepdim=keepdim)
    return emptied(x, dim, keepdim, limits(x.dtype)[0])


def lowest(x, dim, keepdim):
    """torch.amin, with the highest value for an empty set."""
    if x.numel():
        return torch.amin(x, dim, keepdim=keepdim)
    return emptied(x, dim, keepdim, limits(x.dtype)[1])


def limits(dtype):
    """The lowest and the highest value."""
    if dtype == torch.bool:
        return False, True
    if dtype.is_floating_point:
        return -torch.inf, torch.inf
    return torch.iinfo(dtype).min, torch.iinfo(dtype).max


def emptied(x, dim, keepdim, value):
    """What reducing an empty set gives: `value` everywhere."""
    dims = [d % x.ndim for d in dim]
    shape = [1 if i in dims else n for i, n in enumerate(x.shape) if keepdim or i not in dims]
    return torch.full(shape, value, dtype=x.dtype, device=x.device)


def cumulate(function, x, axis, exclusive, reverse, start):
    """A running sum or product, from either end, with or without the entry itself."""
    x = x.flip(axis) if reverse else x
    if exclusive:
        first = torch.full_like(x.narrow(axis, 0, 1), start)
        x = torch.cat([first, x.narrow(axis, 0, x.shape[axis] - 1)], axis)
    result = function(x, axis, dtype=x.dtype)
    return result.flip(axis) if reverse else result


def top_k(x, k, axis, largest):
    """The k largest (or smallest) along an axis, and where they stand; the first of equals first."""
    values, indices = torch.sort(x, dim=axis, descending=largest, stable=True)
    return values.narrow(axis, 0, k), indices.narrow(axis, 0, k)


def lp_normalize(x, axis, p):
    """x over its p-norm along an axis; zero where that is zero."""
    norm = torch.linalg.vector_norm(x, ord=p, dim=axis, keepdim=True)
    return torch.where(norm == 0, 0, x / norm)


def local_response_norm(x, size, alpha, beta, bias):
    """LRN over an even number of channels: one less before than after."""
    squares = torch.square(x).unsqueeze(1).flatten(3)
    squares = F.pad(squares, [0, 0, (size - 1) // 2, size // 2])
    mean = F.avg_pool2d(squares, (size, 1), stride=1).reshape(x.shape)
    return x / torch.pow(bias + alpha * mean, beta)


def dropout(x, ratio, training):
    """ONNX's Dropout with its training mode known only at run time; and what it kept."""
    kept = torch.rand_like(x) >= ratio if training else torch.ones_like(x, dtype=torch.bool)
    return (torch.where(kept, x, 0) / (1 - ratio) if training else x), kept


def train_batch_norm(x, scale, bias, mean, variance, epsilon, momentum):
    """Normalised by the batch itself; and the running statistics after it."""
    dims = [0, *range(2, x.ndim)]
    own, spread = x.mean(dims), x.var(dims, correction=0)
    y = F.batch_norm(x, None, None, scale, bias, training=True, eps=epsilon)
    return y, *(
        (old * momentum + new * (1 - momentum)).to(old.dtype)
        for old, new in ((mean, own), (variance, spread))
    )
