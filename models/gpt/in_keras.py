"""The decoder in Keras."""

from __future__ import annotations

import keras
from interop.models.gpt.weights import EPSILON, HEADS, LAYERS, LONGEST, WIDTH, WORDS, draw
from interop.models.loading import KerasWeights
from interop.models.transformer_keras import block, norm
from keras import layers, ops


def gpt() -> keras.Model:
    w = KerasWeights(draw())
    ids = keras.Input((None,), dtype="int64", name="input_ids")
    words, positions = layers.Embedding(WORDS, WIDTH), layers.Embedding(LONGEST, WIDTH)
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
    head = layers.Dense(WORDS, use_bias=False)  # the word table again
    logits = head(norm(w, "norm", x, EPSILON))
    head.set_weights([w.take("words.weight").T])
    return w.done(keras.Model({"input_ids": ids}, {"logits": logits}))
