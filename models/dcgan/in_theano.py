"""The generator in Theano."""

import theano.tensor as T
from interop.models.dcgan.weights import WIDTHS, draw
from interop.models.theano_layers import Layers


def dcgan():
    layers = Layers(draw())
    latent = T.matrix("latent", "float32")
    x, size = latent.dimshuffle(0, 1, "x", "x"), 1
    for index in range(len(WIDTHS)):
        stride, pad, size = (1, 0, 4) if index == 0 else (2, 1, size * 2)
        x = layers.conv_transpose("up.{}".format(index), x, stride, pad, size)
        x = T.nnet.relu(layers.batch_norm("norm.{}".format(index), x))
    x = layers.conv_transpose("up.4", x, 2, 1, size * 2)
    bias = layers.take("up.4.bias").dimshuffle("x", 0, "x", "x")
    return layers.done([latent], {"image": T.tanh(x + bias)})
