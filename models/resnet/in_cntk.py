"""Residual networks in CNTK. Python 3.6."""

import cntk as C
from interop.models.cntk_layers import Layers
from interop.models.resnet.weights import DEPTHS, WIDTHS, draw


def _block(layers, x, name, stride, bottleneck):
    """Convolutions with batch norm, ReLU between them, added to the input."""
    strides = [1, stride, 1] if bottleneck else [stride, 1]
    y = x
    for index, step in enumerate(strides, start=1):
        y = layers.conv("{}.conv{}".format(name, index), y, step)
        y = layers.batch_norm("{}.bn{}".format(name, index), y)
        if index < len(strides):
            y = C.relu(y)
    if layers.has(name + ".downsample.0"):
        x = layers.conv(name + ".downsample.0", x, stride)
        x = layers.batch_norm(name + ".downsample.1", x)
    return C.relu(y + x)


def _resnet(depth):
    blocks, bottleneck = DEPTHS[depth]
    layers = Layers(draw(depth))
    image = C.input_variable((3, 224, 224), name="image")
    x = C.relu(layers.batch_norm("bn1", layers.conv("conv1", image, 2)))
    edges = C.pad(x, [(0, 0), (1, 1), (1, 1)])  # of zeros, which no ReLU's result is below
    x = C.pooling(edges, C.MAX_POOLING, (3, 3), strides=(2, 2), auto_padding=[False])
    for stage, (count, _) in enumerate(zip(blocks, WIDTHS), start=1):
        for block in range(count):
            stride = 2 if block == 0 and stage > 1 else 1
            x = _block(layers, x, "layer{}.{}".format(stage, block), stride, bottleneck)
    return layers.done(layers.linear("fc", C.reduce_mean(x, axis=[1, 2])), "logits")


def resnet18():
    return _resnet(18)


def resnet50():
    return _resnet(50)
