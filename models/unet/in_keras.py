"""U-Net in Keras, images NHWC."""

from __future__ import annotations

import keras
from interop.models.loading import KerasWeights
from interop.models.unet.weights import CLASSES, WIDTHS, draw
from keras import layers


def _double(w, name, x, filters):  # type: ignore[no-untyped-def]
    for index in (1, 2):
        conv = layers.Conv2D(filters, 3, padding="same", use_bias=False)
        norm = layers.BatchNormalization(epsilon=1e-5)
        x = layers.ReLU()(norm(conv(x)))
        w.conv(conv, f"{name}.conv{index}")
        w.batch_norm(norm, f"{name}.norm{index}")
    return x


def unet() -> keras.Model:
    w = KerasWeights(draw())
    image = keras.Input((128, 128, 3), name="image")
    skips, x = [], image
    for level, width in enumerate(WIDTHS):
        x = _double(w, f"down.{level}", x if level == 0 else layers.MaxPooling2D(2)(x), width)
        skips.append(x)
    for level in reversed(range(len(WIDTHS) - 1)):
        up = layers.Conv2DTranspose(WIDTHS[level], 2, 2)
        x = layers.Concatenate()([skips[level], up(x)])
        w.conv_transpose(up, f"up.{level}")
        x = _double(w, f"join.{level}", x, WIDTHS[level])
    head = layers.Conv2D(CLASSES, 1, activation="sigmoid")
    mask = head(x)
    w.conv(head, "head")
    return w.done(keras.Model(image, {"mask": mask}))
