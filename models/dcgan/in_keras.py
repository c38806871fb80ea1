"""The generator in Keras, images NHWC."""

from __future__ import annotations

import keras
from interop.models.dcgan.weights import LATENT, WIDTHS, draw
from interop.models.loading import KerasWeights
from keras import layers


def dcgan() -> keras.Model:
    w = KerasWeights(draw())
    latent = keras.Input((LATENT,), name="latent")
    x = layers.Reshape((1, 1, LATENT))(latent)
    for index, width in enumerate(WIDTHS):
        first = index == 0
        up = layers.Conv2DTranspose(
            width, 4, 1 if first else 2, padding="valid" if first else "same", use_bias=False
        )
        norm = layers.BatchNormalization(epsilon=1e-5)
        x = layers.ReLU()(norm(up(x)))
        w.conv_transpose(up, f"up.{index}")
        w.batch_norm(norm, f"norm.{index}")
    last = layers.Conv2DTranspose(3, 4, 2, padding="same", activation="tanh")
    image = last(x)
    w.conv_transpose(last, "up.4")
    return w.done(keras.Model(latent, {"image": image}))
