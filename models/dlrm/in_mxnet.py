"""The recommender in MXNet gluon."""

from __future__ import annotations

from typing import Any

from interop.models.dlrm.weights import BOTTOM, ROWS, TABLES, TOP, WIDTH, draw
from interop.models.loading import into_mxnet
from mxnet.gluon import HybridBlock, nn


class Dlrm(HybridBlock):
    def __init__(self) -> None:
        super().__init__()
        self.bottom, self.tables, self.top = (nn.HybridSequential() for _ in range(3))
        self.bottom.add(*(nn.Dense(BOTTOM[i + 1], in_units=BOTTOM[i]) for i in range(3)))
        self.tables.add(*(nn.Embedding(ROWS, WIDTH) for _ in range(TABLES)))
        self.top.add(*(nn.Dense(TOP[i + 1], in_units=TOP[i]) for i in range(3)))

    def hybrid_forward(self, F: Any, dense: Any, categories: Any) -> Any:
        x = dense
        for layer in self.bottom:
            x = F.relu(layer(x))
        columns = F.split(categories, TABLES, axis=1, squeeze_axis=True)
        parts = [x, *(self.tables[i](columns[i]) for i in range(TABLES))]
        stacked = F.stack(*parts, axis=1)
        products = F.batch_dot(stacked, stacked, transpose_b=True)
        # Each pair once: row by row, what stands before the diagonal.
        rows = [
            F.reshape(F.slice(products, begin=(None, i, 0), end=(None, i + 1, i)), shape=(0, -1))
            for i in range(1, TABLES + 1)
        ]
        y = F.concat(x, *rows, dim=1)
        for index in range(len(self.top) - 1):
            y = F.relu(self.top[index](y))
        return F.sigmoid(self.top[len(self.top) - 1](y))


def dlrm() -> HybridBlock:
    return into_mxnet(Dlrm(), draw())
