"""Residual networks in Caffe2."""

from interop.models.caffe2_layers import Layers
from interop.models.resnet.weights import DEPTHS, WIDTHS, draw


def _block(layers, x, name, stride, bottleneck):
    """Convolutions with batch norm, ReLU between them, added to the input."""
    strides = [1, stride, 1] if bottleneck else [stride, 1]
    y = x
    for index, step in enumerate(strides, start=1):
        y = layers.conv("{}.conv{}".format(name, index), y, step)
        y = layers.batch_norm("{}.bn{}".format(name, index), y)
        if index < len(strides):
            y = layers.net.Relu(y, y)
    if layers.has(name + ".downsample.0"):
        x = layers.conv(name + ".downsample.0", x, stride)
        x = layers.batch_norm(name + ".downsample.1", x)
    return layers.net.Relu(layers.net.Sum([y, x]))


def _resnet(depth):
    blocks, bottleneck = DEPTHS[depth]
    layers = Layers(draw(depth), ["image"])
    x = layers.net.Relu(layers.batch_norm("bn1", layers.conv("conv1", "image", 2)))
    x = layers.net.MaxPool(x, kernel=3, stride=2, pad=1)
    for stage, (count, _) in enumerate(zip(blocks, WIDTHS), start=1):
        for block in range(count):
            stride = 2 if block == 0 and stage > 1 else 1
            x = _block(layers, x, "layer{}.{}".format(stage, block), stride, bottleneck)
    x = layers.net.AveragePool(x, global_pooling=1)
    return layers.done({"logits": layers.linear("fc", x)})


def resnet18():
    return _resnet(18)


def resnet50():
    return _resnet(50)
