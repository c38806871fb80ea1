"""Runs in the CNTK worker: small models out of CNTK's own layers. Python 3.6."""

import os

import cntk as C
import numpy as np
from interop.converters.cntk import guest


def parameter(*shape):
    drawn = np.random.RandomState(sum(shape)).standard_normal(shape)
    return C.Parameter(init=drawn.astype(np.float32))


def windows():
    """What CNTK pads by itself: odd and even windows, strides that do not divide, dilations."""
    x = C.input_variable((3, 9, 10), name="x")
    y = C.convolution(parameter(4, 3, 3, 2), x, strides=(1, 2), auto_padding=[False, True, True])
    y = C.pooling(y, C.MAX_POOLING, (3, 2), strides=(2, 1), auto_padding=[True, False])
    y = C.convolution(parameter(4, 1, 3, 3), y, auto_padding=[False, True, True], groups=4)
    y = C.pooling(y, C.AVG_POOLING, (2, 2), auto_padding=[True, True])
    return C.alias(
        C.convolution(parameter(2, 4, 1, 1), y, strides=(2, 2), auto_padding=[False, True, True]),
        "y",
    )


def layers():
    """Blocks, some of which are opened: Dense, softmax over an axis; and parts of arrays."""
    x = C.input_variable((4, 6), name="x")
    y = C.layers.Dense((5, 7), C.tanh, input_rank=1)(x)
    y = C.transpose(y, (1, 0, 2))
    y = C.splice(C.softmax(y, axis=1), C.leaky_relu(y, 0.1), axis=2)
    y = C.slice(y, [0, 2], [1, 2], [5, 12], strides=[2, 3])
    y = C.softplus(y) - C.element_max(y, 0.5) * C.swapaxes(parameter(4, 2), 0, 1)[0, 0]
    return C.combine([C.alias(y, "y"), C.alias(C.reduce_log_sum_exp(y, axis=1), "z")])


def products():
    """Weights on the left, and a product over two axes."""
    x = C.input_variable((3, 4), name="x")
    y = C.times(x, parameter(3, 4, 5, 2), output_rank=2)
    return C.alias(C.times(parameter(6, 10), C.reshape(y, (10, 1))), "y")


def reduced():
    """All axes at once, as CNTK's own normalization of layers has them."""
    x = C.input_variable((3, 4), name="x")
    return C.alias(C.layers.LayerNormalization()(x), "y")


def unknown():
    """What has no ONNX form here."""
    x = C.input_variable((3, 8, 8), name="x")
    return C.alias(C.roipooling(x, C.input_variable((2, 4)), C.MAX_POOLING, (2, 2), 1.0), "y")


def save(name, path):
    globals()[name]().save(path)
    return {"bytes": os.path.getsize(path)}


OPERATIONS = dict(guest.OPERATIONS, save=save)
