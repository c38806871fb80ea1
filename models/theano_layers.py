"""Theano layers on the shared weights, by torch's names: every one used once, or it is an error."""

import numpy as np
import theano
import theano.tensor as T


class Layers:
    def __init__(self, weights):
        self._weights = weights
        self._unused = set(weights)

    def has(self, name):
        return name + ".weight" in self._weights

    def take(self, name):
        """The weight as a shared variable."""
        self._unused.remove(name)
        value = self._weights[name]
        return theano.shared(value, name, broadcastable=[size == 1 for size in value.shape])

    def conv(self, name, x, stride=1):
        """Padded by half its window, without a bias."""
        weight = self.take(name + ".weight")
        return T.nnet.conv2d(
            x, weight, border_mode="half", subsample=(stride, stride), filter_flip=False,
            filter_shape=self._weights[name + ".weight"].shape,
        )  # fmt: skip

    def conv_transpose(self, name, x, stride, pad, size):
        """To `size` rows and columns: the gradient of a convolution by what it takes."""
        weight = self.take(name + ".weight")
        shape = self._weights[name + ".weight"].shape
        return T.nnet.abstract_conv.conv2d_grad_wrt_inputs(
            x, weight, (None, shape[1], size, size), filter_shape=shape, border_mode=(pad, pad),
            subsample=(stride, stride), filter_flip=False,
        )  # fmt: skip

    def batch_norm(self, name, x):
        scale, bias, mean, variance = (
            self.take(name + end).dimshuffle("x", 0, "x", "x")
            for end in (".weight", ".bias", ".running_mean", ".running_var")
        )
        deviation = T.sqrt(variance + np.float32(1e-5))
        return T.nnet.bn.batch_normalization(x, scale, bias, mean, deviation)

    def linear(self, name, x):
        return T.dot(x, self.take(name + ".weight").T) + self.take(name + ".bias")

    def done(self, inputs, outputs):
        """What the graph takes and gives, if every weight was used."""
        if self._unused:
            raise KeyError("weights that are not used: {}".format(sorted(self._unused)))
        return inputs, outputs
