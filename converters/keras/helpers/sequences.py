"""Sequences of tensors are Python lists while a model is built."""


def without(sequence, position):
    """All but the tensor at a position."""
    return [x for place, x in enumerate(sequence) if place != position % len(sequence)]


def parts(x, sizes, axis, keep):
    """The parts of `x` of those sizes along an axis; without the axis, if not `keep`."""
    made, start = [], 0
    for size in sizes:
        before = [slice(None)] * (axis % len(x.shape))
        made.append(x[(*before, slice(start, start + size) if keep else start, ...)])
        start += size
    return made


def mapped(body, count, first, others):
    """SequenceMap: `body` of each tensor of `first`, and of what stands beside it in other lists."""
    results = []
    for place, x in enumerate(first):
        beside = [other[place] if isinstance(other, list) else other for other in others]
        result = body(x, *beside)
        results.append(result if isinstance(result, list) else [result])
    return [[result[i] for result in results] for i in range(count)]
