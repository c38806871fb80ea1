"""The decoder in Keras."""

from __future__ import annotations

import keras
from interop.models.gpt.weights import EPSILON, HEADS, LAYERS, LONGEST, WIDTH, WORDS, draw
from interop.models.loading import KerasWeights
from interop.models.transformer_keras import block, norm
from keras import layers, ops


class Words(layers.Embedding):
    """A word table that is also the head."""

    def call(self, inputs, head=False):  # type: ignore[no-untyped-def]
        if head:
            return ops.matmul(inputs, ops.transpose(self.embeddings))
        return super().call(inputs)


def gpt() -> keras.Model:
    w = KerasWeights(draw())
    ids = keras.Input((None,), dtype="int64", name="input_ids")
    words, positions = Words(WORDS, WIDTH), layers.Embedding(LONGEST, WIDTH)
    places = ops.cumsum(ops.ones_like(ids), axis=1) - 1
    x = words(ids) + positions(places)
    w.embedding(words, "words")
    w.embedding(positions, "positions")
    earlier = places[:, None, None, :] <= places[:, None, :, None]
    bias = ops.where(earlier, 0.0, -1e9)
    for layer in range(LAYERS):
        x = block(
            w, f"blocks.{layer}", x, WIDTH, HEADS, pre=True, approximate=True, epsilon=EPSILON,
            bias=bias,
        )  # fmt: skip
    logits = words(norm(w, "norm", x, EPSILON), head=True)
    return w.done(keras.Model({"input_ids": ids}, {"logits": logits}))
