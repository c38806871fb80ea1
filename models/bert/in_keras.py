"""The encoder in Keras."""

from __future__ import annotations

import keras
from interop.models.bert.weights import EPSILON, HEADS, LAYERS, LONGEST, WIDTH, WORDS, draw
from interop.models.loading import KerasWeights
from interop.models.transformer_keras import block, dense, norm
from keras import layers, ops


def bert() -> keras.Model:
    w = KerasWeights(draw())
    names = ("input_ids", "token_type_ids", "attention_mask")
    inputs = {name: keras.Input((None,), dtype="int64", name=name) for name in names}
    ids, types, mask = inputs.values()
    tables = {
        "words": layers.Embedding(WORDS, WIDTH),
        "positions": layers.Embedding(LONGEST, WIDTH),
        "types": layers.Embedding(2, WIDTH),
    }
    places = ops.cumsum(ops.ones_like(ids), axis=1) - 1
    x = tables["words"](ids) + tables["positions"](places) + tables["types"](types)
    for name, table in tables.items():
        w.embedding(table, name)
    x = norm(w, "norm", x, EPSILON)
    bias = (1.0 - ops.cast(mask, "float32")[:, None, None, :]) * -1e4
    for layer in range(LAYERS):
        x = block(
            w, f"blocks.{layer}", x, WIDTH, HEADS, pre=False, approximate=False, epsilon=EPSILON,
            bias=bias,
        )  # fmt: skip
    pooled = ops.tanh(dense(w, "pooler", x[:, 0], WIDTH))
    return w.done(keras.Model(inputs, {"last_hidden_state": x, "pooled": pooled}))
