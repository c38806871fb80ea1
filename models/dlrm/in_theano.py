"""The recommender in Theano."""

import numpy as np
import theano.tensor as T
from interop.models.dlrm.weights import TABLES, draw
from interop.models.theano_layers import Layers


def dlrm():
    layers = Layers(draw())
    dense, categories = T.matrix("dense", "float32"), T.matrix("categories", "int64")
    x = dense
    for index in range(3):
        x = T.nnet.relu(layers.linear("bottom.{}".format(index), x))
    tables = [layers.take("tables.{}.weight".format(index)) for index in range(TABLES)]
    parts = [x] + [table[categories[:, i]] for i, table in enumerate(tables)]
    stacked = T.stack(parts, axis=1)
    products = T.batched_dot(stacked, stacked.dimshuffle(0, 2, 1))
    rows, columns = np.tril_indices(TABLES + 1, -1)
    y = T.concatenate([x, products[:, rows, columns]], axis=1)
    for index in range(2):
        y = T.nnet.relu(layers.linear("top.{}".format(index), y))
    return layers.done(
        [dense, categories], {"probability": T.nnet.sigmoid(layers.linear("top.2", y))}
    )
