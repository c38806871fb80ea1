"""Residual networks in Caffe."""

from typing import Any

from caffe import layers as L
from interop.models.caffe_layers import Layers
from interop.models.resnet.weights import DEPTHS, WIDTHS, draw


def _block(layers: Layers, x: Any, name: str, stride: int, bottleneck: bool) -> Any:
    """Convolutions with batch norm, ReLU between them, added to the input."""
    strides = [1, stride, 1] if bottleneck else [stride, 1]
    y = x
    for index, step in enumerate(strides, start=1):
        y = layers.conv(f"{name}.conv{index}", y, step)
        y = layers.batch_norm(f"{name}.bn{index}", y)
        if index < len(strides):
            y = layers.relu(y)
    if layers.has(name + ".downsample.0"):
        x = layers.conv(name + ".downsample.0", x, stride)
        x = layers.batch_norm(name + ".downsample.1", x)
    return layers.relu(L.Eltwise(y, x))


def _resnet(depth: int) -> Any:
    blocks, bottleneck = DEPTHS[depth]
    layers = Layers(draw(depth))
    x = layers.conv("conv1", layers.input("image", 1, 3, 224, 224), 2)
    x = layers.max_pool(layers.relu(layers.batch_norm("bn1", x)), 3, 2, 1)
    for stage, (count, _) in enumerate(zip(blocks, WIDTHS), start=1):
        for block in range(count):
            stride = 2 if block == 0 and stage > 1 else 1
            x = _block(layers, x, f"layer{stage}.{block}", stride, bottleneck)
    return layers.done(layers.linear("fc", layers.mean(x)), "logits")


def resnet18() -> Any:
    return _resnet(18)


def resnet50() -> Any:
    return _resnet(50)
