"""The recommender in flax."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from interop.models.dlrm.weights import BOTTOM, ROWS, TABLES, TOP, WIDTH, draw
from interop.models.loading import into_flax


class Dlrm(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        self.bottom = nnx.List([nnx.Linear(BOTTOM[i], BOTTOM[i + 1], rngs=rngs) for i in range(3)])
        self.tables = nnx.List([nnx.Embed(ROWS, WIDTH, rngs=rngs) for _ in range(TABLES)])
        self.top = nnx.List([nnx.Linear(TOP[i], TOP[i + 1], rngs=rngs) for i in range(3)])

    def __call__(self, dense: jax.Array, categories: jax.Array) -> dict[str, jax.Array]:
        x = dense
        for layer in self.bottom:
            x = nnx.relu(layer(x))
        parts = [x] + [table(categories[:, i]) for i, table in enumerate(self.tables)]
        stacked = jnp.stack(parts, axis=1)
        products = stacked @ stacked.transpose(0, 2, 1)
        rows, columns = np.tril_indices(TABLES + 1, -1)
        y = jnp.concatenate([x, products[:, rows, columns]], axis=1)
        for layer in self.top[:-1]:
            y = nnx.relu(layer(y))
        return {"probability": nnx.sigmoid(self.top[-1](y))}


def dlrm() -> nnx.Module:
    return into_flax(Dlrm(nnx.Rngs(0)), draw())
