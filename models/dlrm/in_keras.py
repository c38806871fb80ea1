"""The recommender in Keras."""

from __future__ import annotations

import keras
import numpy as np
from interop.models.dlrm.weights import BOTTOM, DENSE, ROWS, TABLES, TOP, WIDTH, draw
from interop.models.loading import KerasWeights
from keras import layers, ops


def _dense(w, name, x, units, activation):  # type: ignore[no-untyped-def]
    # By a name of its own: Keras would call the first one "dense", as an input is called.
    layer = layers.Dense(units, activation=activation, name=name)
    y = layer(x)
    w.dense(layer, name)
    return y


def dlrm() -> keras.Model:
    w = KerasWeights(draw())
    dense = keras.Input((DENSE,), name="dense")
    categories = keras.Input((TABLES,), dtype="int64", name="categories")
    x = dense
    for index in range(3):
        x = _dense(w, f"bottom.{index}", x, BOTTOM[index + 1], "relu")
    parts = [x]
    for index in range(TABLES):
        table = layers.Embedding(ROWS, WIDTH)
        parts.append(table(categories[:, index]))
        w.embedding(table, f"tables.{index}")
    stacked = ops.stack(parts, axis=1)
    products = ops.matmul(stacked, ops.transpose(stacked, (0, 2, 1)))
    rows, columns = np.tril_indices(TABLES + 1, -1)
    flat = ops.reshape(products, (-1, (TABLES + 1) ** 2))
    chosen = ops.take(flat, rows * (TABLES + 1) + columns, axis=1)
    y = ops.concatenate([x, chosen], axis=1)
    for index in range(3):
        y = _dense(w, f"top.{index}", y, TOP[index + 1], "sigmoid" if index == 2 else "relu")
    inputs = {"dense": dense, "categories": categories}
    return w.done(keras.Model(inputs, {"probability": y}))
