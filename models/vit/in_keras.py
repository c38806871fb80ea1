"""The vision transformer in Keras, images NHWC."""

from __future__ import annotations

import keras
from interop.models.loading import KerasWeights
from interop.models.transformer_keras import block, dense, norm
from interop.models.vit.weights import EPSILON, HEADS, LAYERS, PATCH, SIDE, WIDTH, draw
from keras import layers, ops


class Tokens(layers.Layer):
    """A class token in front, positions added."""

    def build(self, shape):  # type: ignore[no-untyped-def]
        self.token = self.add_weight(shape=(1, 1, WIDTH))
        self.positions = self.add_weight(shape=(1, (SIDE // PATCH) ** 2 + 1, WIDTH))

    def call(self, x):  # type: ignore[no-untyped-def]
        token = ops.broadcast_to(self.token, (ops.shape(x)[0], 1, WIDTH))
        return ops.concatenate([token, x], axis=1) + self.positions


def vit() -> keras.Model:
    w = KerasWeights(draw())
    image = keras.Input((SIDE, SIDE, 3), name="image")
    patches = layers.Conv2D(WIDTH, PATCH, PATCH)
    x = layers.Reshape((-1, WIDTH))(patches(image))
    w.conv(patches, "patches")
    tokens = Tokens()
    x = tokens(x)
    tokens.set_weights([w.take("token"), w.take("positions")])
    for layer in range(LAYERS):
        x = block(
            w, f"blocks.{layer}", x, WIDTH, HEADS, pre=True, approximate=False, epsilon=EPSILON
        )
    logits = dense(w, "head", norm(w, "norm", x, EPSILON)[:, 0], 1000)
    return w.done(keras.Model(image, {"logits": logits}))
