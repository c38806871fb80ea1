"""Residual networks in Keras, images NHWC."""

from __future__ import annotations

import keras
from interop.models.loading import KerasWeights
from interop.models.resnet.weights import DEPTHS, WIDTHS, draw
from keras import layers


def _conv(w, name, x, filters, kernel, stride):  # type: ignore[no-untyped-def]
    if kernel > 1:  # torch pads both sides alike; "same" with a stride would not
        x = layers.ZeroPadding2D(kernel // 2)(x)
    layer = layers.Conv2D(filters, kernel, stride, use_bias=False)
    y = layer(x)
    w.conv(layer, name)
    return y


def _norm(w, name, x):  # type: ignore[no-untyped-def]
    layer = layers.BatchNormalization(epsilon=1e-5)
    y = layer(x)
    w.batch_norm(layer, name)
    return y


def _block(w, name, x, width, stride, bottleneck):  # type: ignore[no-untyped-def]
    out = width * 4 if bottleneck else width
    if bottleneck:
        shapes = [(width, 1, 1), (width, 3, stride), (out, 1, 1)]
    else:
        shapes = [(width, 3, stride), (width, 3, 1)]
    y = x
    for index, (filters, kernel, step) in enumerate(shapes, start=1):
        y = _norm(w, f"{name}.bn{index}", _conv(w, f"{name}.conv{index}", y, filters, kernel, step))
        if index < len(shapes):
            y = layers.ReLU()(y)
    if stride != 1 or x.shape[-1] != out:
        x = _conv(w, f"{name}.downsample.0", x, out, 1, stride)
        x = _norm(w, f"{name}.downsample.1", x)
    return layers.ReLU()(layers.Add()([y, x]))


def _resnet(depth: int) -> keras.Model:
    w = KerasWeights(draw(depth))
    blocks, bottleneck = DEPTHS[depth]
    image = keras.Input((224, 224, 3), name="image")
    x = layers.ReLU()(_norm(w, "bn1", _conv(w, "conv1", image, 64, 7, 2)))
    x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))  # after ReLU, zero is the lowest
    for stage, (count, width) in enumerate(zip(blocks, WIDTHS, strict=True), start=1):
        for block in range(count):
            stride = 2 if block == 0 and stage > 1 else 1
            x = _block(w, f"layer{stage}.{block}", x, width, stride, bottleneck)
    x = layers.GlobalAveragePooling2D()(x)
    head = layers.Dense(1000, name="logits")
    logits = head(x)
    w.dense(head, "fc")
    return w.done(keras.Model(image, {"logits": logits}))


def resnet18() -> keras.Model:
    return _resnet(18)


def resnet50() -> keras.Model:
    return _resnet(50)
