"""MobileNetV2 in Keras, images NHWC."""

from __future__ import annotations

import keras
from interop.models.loading import KerasWeights
from interop.models.mobilenet_v2.weights import blocks, draw
from keras import layers


def _unit(w, name, x, filters, kernel, stride=1, depthwise=False, active=True):  # type: ignore[no-untyped-def]
    if kernel > 1 and stride > 1:  # torch pads both sides alike; "same" would not
        x = layers.ZeroPadding2D(kernel // 2)(x)
    padding = "same" if stride == 1 else "valid"
    if depthwise:
        conv = layers.DepthwiseConv2D(kernel, stride, padding=padding, use_bias=False)
    else:
        conv = layers.Conv2D(filters, kernel, stride, padding=padding, use_bias=False)
    y = conv(x)
    (w.depthwise if depthwise else w.conv)(conv, f"{name}.conv")
    norm = layers.BatchNormalization(epsilon=1e-5)
    y = norm(y)
    w.batch_norm(norm, f"{name}.norm")
    return layers.ReLU(6.0)(y) if active else y


def mobilenet_v2() -> keras.Model:
    w = KerasWeights(draw())
    image = keras.Input((224, 224, 3), name="image")
    x = _unit(w, "stem", image, 32, 3, 2)
    for name, into, out, stride, expansion in blocks():
        wide = into * expansion
        y = _unit(w, f"{name}.expand", x, wide, 1) if expansion != 1 else x
        y = _unit(w, f"{name}.depthwise", y, wide, 3, stride, depthwise=True)
        y = _unit(w, f"{name}.project", y, out, 1, active=False)
        x = layers.Add()([x, y]) if stride == 1 and into == out else y
    x = layers.GlobalAveragePooling2D()(_unit(w, "head", x, 1280, 1))
    classifier = layers.Dense(1000)
    logits = classifier(x)
    w.dense(classifier, "classifier")
    return w.done(keras.Model(image, {"logits": logits}))
