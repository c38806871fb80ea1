"""U-Net in Caffe."""

from typing import Any

from caffe import layers as L
from interop.models.caffe_layers import Layers
from interop.models.unet.weights import WIDTHS, draw


def _double(layers: Layers, name: str, x: Any) -> Any:
    for index in (1, 2):
        x = layers.batch_norm(f"{name}.norm{index}", layers.conv(f"{name}.conv{index}", x))
        x = layers.relu(x)
    return x


def unet() -> Any:
    layers = Layers(draw())
    x = layers.input("image", 1, 3, 128, 128)
    skips = []
    for level in range(len(WIDTHS)):
        x = _double(layers, f"down.{level}", layers.max_pool(x, 2, 2) if level else x)
        skips.append(x)
    for level in reversed(range(len(WIDTHS) - 1)):
        wide = layers.conv_transpose(f"up.{level}", x, stride=2)
        x = _double(layers, f"join.{level}", L.Concat(skips[level], wide))
    return layers.done(L.Sigmoid(layers.conv("head", x)), "mask")
