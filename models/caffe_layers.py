"""Caffe layers on the shared weights, by torch's names: every one used once, or it is an error."""

import os
import tempfile
from typing import Any

import caffe
import numpy as np
from caffe import layers as L
from caffe import params as P

Weights = dict[str, np.ndarray]


class Layers:
    """A network being specified; layers are called as torch's modules, and so are their tops."""

    def __init__(self, weights: Weights) -> None:
        self._spec = caffe.NetSpec()
        self._weights = weights
        self._unused = set(weights)
        self._blobs: dict[str, list[np.ndarray]] = {}

    def input(self, name: str, *shape: int) -> Any:
        self._spec[name] = L.Input(shape={"dim": list(shape)})
        return self._spec[name]

    def has(self, name: str) -> bool:
        return name + ".weight" in self._weights

    def conv(self, name: str, x: Any, stride: int = 1, groups: int = 1) -> Any:
        """Padded by half its window."""
        blobs = self._weight_and_bias(name)
        size = blobs[0].shape[-1]
        top = L.Convolution(
            x, name=name, num_output=blobs[0].shape[0], kernel_size=size, stride=stride,
            pad=size // 2, group=groups, bias_term=len(blobs) > 1,
        )  # fmt: skip
        return self._layer(name, top, blobs)

    def conv_transpose(self, name: str, x: Any, stride: int, pad: int = 0) -> Any:
        blobs = self._weight_and_bias(name)
        fields = {
            "num_output": blobs[0].shape[1], "kernel_size": blobs[0].shape[-1], "stride": stride,
            "pad": pad, "bias_term": len(blobs) > 1,
        }  # fmt: skip
        top = L.Deconvolution(x, name=name, convolution_param=fields)
        return self._layer(name, top, blobs)

    def batch_norm(self, name: str, x: Any) -> Any:
        """Two layers: by the statistics, which are sums with what they are divided by; by the rest."""
        statistics = [self._take(f"{name}.running_{part}") for part in ("mean", "var")]
        y = L.BatchNorm(x, name=name, eps=1e-5)
        y = self._layer(name, y, [*statistics, np.ones(1, np.float32)])
        scaled = L.Scale(y, name=name + ".scale", bias_term=True)
        return self._layer(name + ".scale", scaled, self._weight_and_bias(name))

    def relu(self, x: Any) -> Any:
        return L.ReLU(x)

    def relu6(self, x: Any) -> Any:
        """Not more than 6: Caffe has no layer for that, but the larger of two."""
        low = L.Power(L.ReLU(x), scale=-1)
        bound = L.Power(low, scale=0, shift=-6)
        return L.Power(L.Eltwise(low, bound, operation=P.Eltwise.MAX), scale=-1)

    def linear(self, name: str, x: Any) -> Any:
        blobs = self._weight_and_bias(name)
        top = L.InnerProduct(x, name=name, num_output=blobs[0].shape[0])
        return self._layer(name, top, blobs)

    def max_pool(self, x: Any, size: int, stride: int, pad: int = 0) -> Any:
        return L.Pooling(
            x, pool=P.Pooling.MAX, kernel_size=size, stride=stride, pad=pad,
            round_mode=P.Pooling.FLOOR,
        )  # fmt: skip

    def mean(self, x: Any) -> Any:
        """Over height and width."""
        return L.Pooling(x, pool=P.Pooling.AVE, global_pooling=True)

    def done(self, result: Any, name: str) -> Any:
        """The caffe.Net with that output, if every weight was used."""
        if self._unused:
            raise KeyError(f"weights that are not used: {sorted(self._unused)}")
        self._spec[name] = result
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.prototxt")
            with open(path, "w", encoding="utf-8") as file:
                file.write(str(self._spec.to_proto()))
            net = caffe.Net(path, caffe.TEST)
        for layer, arrays in self._blobs.items():
            for blob, array in zip(net.params[layer], arrays):
                blob.data[...] = array
        return net

    def _take(self, name: str) -> np.ndarray:
        self._unused.remove(name)
        return self._weights[name]

    def _weight_and_bias(self, name: str) -> list[np.ndarray]:
        ends = (".weight", ".bias")
        return [self._take(name + end) for end in ends if name + end in self._weights]

    def _layer(self, name: str, top: Any, blobs: list[np.ndarray]) -> Any:
        self._spec[name] = top
        self._blobs[name] = blobs
        return top
