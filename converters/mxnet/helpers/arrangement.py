"""Sizes that are known only as the model runs."""

import mxnet as mx
from mxnet.symbol import numpy as np
from mxnet.symbol import numpy_extension as npx


def zeros(dims, sources):
    """Zeros of the shape `dims`; each -1 is the next source's size along its axis. float32."""
    total, given = None, list(sources)
    for place, size in enumerate(dims):
        if size == -1:
            source, axis = given.pop(0)
            line = np.zeros_like(npx.arange_like(source.astype("float32"), axis=axis))
            ones = (1,) * (len(dims) - 1 - place)
            part = np.reshape(line, (-1,) + ones) if ones else line
        else:
            part = np.zeros((size,) + (1,) * (len(dims) - 1 - place))
        total = part if total is None else total + part
    return total
