"""The generator in Caffe."""

from typing import Any

from caffe import layers as L
from interop.models.caffe_layers import Layers
from interop.models.dcgan.weights import LATENT, WIDTHS, draw


def dcgan() -> Any:
    layers = Layers(draw())
    x = L.Reshape(layers.input("latent", 1, LATENT), shape={"dim": [0, LATENT, 1, 1]})
    for index in range(len(WIDTHS)):
        stride, pad = (2, 1) if index else (1, 0)
        x = layers.conv_transpose(f"up.{index}", x, stride, pad)
        x = layers.relu(layers.batch_norm(f"norm.{index}", x))
    x = layers.conv_transpose(f"up.{len(WIDTHS)}", x, stride=2, pad=1)
    return layers.done(L.TanH(x), "image")
