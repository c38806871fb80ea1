"""CNTK layers on the shared weights, by torch's names: every one used once, or it is an error."""

import cntk as C


class Layers:
    def __init__(self, weights):
        self._weights = weights
        self._unused = set(weights)

    def has(self, name):
        return name + ".weight" in self._weights

    def _take(self, name):
        self._unused.remove(name)
        return C.Parameter(init=self._weights[name], name=name)

    def conv(self, name, x, stride=1, groups=1):
        """Padded by half its window, without a bias."""
        weight = self._take(name + ".weight")
        half = weight.shape[-1] // 2
        if half:
            x = C.pad(x, [(0, 0), (half, half), (half, half)])
        options = {"groups": groups} if groups != 1 else {}
        strides = (stride, stride)
        return C.convolution(weight, x, strides=strides, auto_padding=[False], **options)

    def batch_norm(self, name, x):
        parts = [
            self._take(name + end) for end in (".weight", ".bias", ".running_mean", ".running_var")
        ]
        return C.batch_normalization(
            x, *parts, spatial=True, epsilon=1e-5, use_cudnn_engine=False,
            running_count=C.Constant(0)
        )  # fmt: skip

    def linear(self, name, x):
        """On the channels; axes of one entry behind them are dropped."""
        weight = self._take(name + ".weight")
        flat = C.reshape(x, (weight.shape[1],))
        return C.times_transpose(flat, weight) + self._take(name + ".bias")

    def done(self, result, name):
        """The function of that result, if every weight was used."""
        if self._unused:
            raise KeyError("weights that are not used: {}".format(sorted(self._unused)))
        return C.combine([C.alias(result, name)])
