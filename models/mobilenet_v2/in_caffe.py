"""MobileNetV2 in Caffe."""

from typing import Any

from caffe import layers as L
from interop.models.caffe_layers import Layers
from interop.models.mobilenet_v2.weights import blocks, draw


def _unit(
    layers: Layers, name: str, x: Any, stride: int = 1, groups: int = 1, active: bool = True
) -> Any:
    """Convolution, batch norm, and ReLU6 where `active`."""
    y = layers.batch_norm(name + ".norm", layers.conv(name + ".conv", x, stride, groups))
    return layers.relu6(y) if active else y


def mobilenet_v2() -> Any:
    layers = Layers(draw())
    x = _unit(layers, "stem", layers.input("image", 1, 3, 224, 224), 2)
    for name, into, out, stride, expansion in blocks():
        y = _unit(layers, name + ".expand", x) if expansion != 1 else x
        y = _unit(layers, name + ".depthwise", y, stride, groups=into * expansion)
        y = _unit(layers, name + ".project", y, active=False)
        x = L.Eltwise(x, y) if stride == 1 and into == out else y
    x = layers.mean(_unit(layers, "head", x))
    return layers.done(layers.linear("classifier", x), "logits")
