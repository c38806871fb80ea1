"""MobileNetV2 in CNTK. Python 3.6."""

import cntk as C
from interop.models.cntk_layers import Layers
from interop.models.mobilenet_v2.weights import blocks, draw


def _unit(layers, name, x, stride=1, groups=1, active=True):
    """Convolution, batch norm, and ReLU6 where `active`."""
    y = layers.batch_norm(name + ".norm", layers.conv(name + ".conv", x, stride, groups))
    return C.clip(y, 0.0, 6.0) if active else y


def mobilenet_v2():
    layers = Layers(draw())
    image = C.input_variable((3, 224, 224), name="image")
    x = _unit(layers, "stem", image, 2)
    for name, into, out, stride, expansion in blocks():
        y = _unit(layers, name + ".expand", x) if expansion != 1 else x
        y = _unit(layers, name + ".depthwise", y, stride, groups=into * expansion)
        y = _unit(layers, name + ".project", y, active=False)
        x = x + y if stride == 1 and into == out else y
    x = C.reduce_mean(_unit(layers, "head", x), axis=[1, 2])
    return layers.done(layers.linear("classifier", x), "logits")
