"""Caffe2 layers on the shared weights, by torch's names: every one used once, or it is an error."""

from caffe2.python import core


class Layers:
    """`net` is the net that computes; `init` fills the weights that were used."""

    def __init__(self, weights, inputs):
        self._weights = weights
        self._unused = set(weights)
        self.init, self.net = core.Net("init"), core.Net("predict")
        self.net.AddExternalInput(*inputs)

    def has(self, name):
        return name + ".weight" in self._weights

    def take(self, name):
        """The weight as a blob."""
        self._unused.remove(name)
        value = self._weights[name]
        values = value.reshape(-1).tolist()
        filled = self.init.GivenTensorFill([], name, shape=value.shape, values=values)
        self.init.AddExternalOutput(filled)
        self.net.AddExternalInput(name)
        return name

    def conv(self, name, x, stride=1):
        """Padded by half its window, without a bias."""
        kernel = self._weights[name + ".weight"].shape[-1]
        weight = self.take(name + ".weight")
        return self.net.Conv([x, weight], kernel=kernel, stride=stride, pad=kernel // 2)

    def batch_norm(self, name, x):
        ends = (".weight", ".bias", ".running_mean", ".running_var")
        parts = [self.take(name + end) for end in ends]
        return self.net.SpatialBN([x] + parts, is_test=1, epsilon=1e-5, order="NCHW")

    def linear(self, name, x):
        return self.net.FC([x, self.take(name + ".weight"), self.take(name + ".bias")])

    def done(self, outputs):
        """Both nets, with these results, {name: blob}, if every weight was used."""
        if self._unused:
            raise KeyError("weights that are not used: {}".format(sorted(self._unused)))
        for name, blob in outputs.items():
            self.net.AddExternalOutput(self.net.Copy([blob], name))
        return self.init, self.net
