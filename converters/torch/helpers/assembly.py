"""Columns, n-grams and filters: Col2Im, TfIdfVectorizer, MelWeightMatrix."""

import math

import torch


def col2im(x, image, block, strides, pads, dilations):
    """ONNX's Col2Im: blocks summed at their places, in any number of dimensions."""
    rank, place = len(image), torch.zeros([], dtype=torch.int64, device=x.device)
    padded = [image[i] + pads[i] + pads[i + rank] for i in range(rank)]
    for i in range(rank):
        count = (padded[i] - dilations[i] * (block[i] - 1) - 1) // strides[i] + 1
        shape = [1] * (2 * rank)
        shape[i], shape[i + rank] = block[i], count
        taps = torch.arange(block[i], device=x.device)[:, None] * dilations[i]
        steps = torch.arange(count, device=x.device) * strides[i]
        place = place * padded[i] + (taps + steps).reshape(shape)
    channels = x.shape[1] // math.prod(block)
    result = x.new_zeros(x.shape[0], channels, math.prod(padded))
    result = result.index_add(2, place.flatten(), x.reshape(x.shape[0], channels, -1))
    cut = [slice(pads[i], pads[i] + image[i]) for i in range(rank)]
    return result.reshape(x.shape[0], channels, *padded)[(..., *cut)]


def tf_idf(x, grams, indices, skips, shortest, longest, weights, mode):
    """ONNX's TfIdfVectorizer over whole numbers; `grams` are the n-grams, `indices` their places."""
    size = max(indices) + 1
    counts = torch.zeros(*x.shape[:-1], size, device=x.device)
    for gram, index in zip(grams, indices):
        n = len(gram)
        for distance in range(1, skips + 2 if n > 1 else 2):
            width = x.shape[-1] - (n - 1) * distance
            if not shortest <= n <= longest or width <= 0:
                continue
            same = [x[..., k * distance : k * distance + width] == gram[k] for k in range(n)]
            counts[..., index] += torch.stack(same).all(0).sum(-1)
    scale = torch.ones(size) if weights is None else torch.zeros(size)
    for index, weight in zip(indices, weights or []):
        scale[index] = weight
    return counts if mode == "TF" else (counts > 0) * scale if mode == "IDF" else counts * scale


def mel_weight_matrix(bins, length, rate, low, high, dtype):
    """ONNX's MelWeightMatrix: triangles over the bins of a spectrum, [length // 2 + 1, bins]."""
    bins, length = int(bins), int(length)
    low, high = (2595 * math.log10(1 + float(edge) / 700) for edge in (low, high))
    mels = torch.arange(bins + 2, dtype=torch.float64) * ((high - low) / (bins + 2)) + low
    edges = ((length + 1) * (700 * (10 ** (mels / 2595) - 1)) // float(rate)).long()
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    at = torch.arange(length // 2 + 1)[:, None]
    rising = (at - left) / (centre - left).clamp(min=1)
    rising = torch.where((at >= left) & (at <= centre), rising, 0)
    rising = torch.where((left == centre) & (at == centre), 1, rising)
    falling = (right - at) / (right - centre).clamp(min=1)
    return torch.where((at >= centre) & (at < right), falling, rising).to(dtype)
