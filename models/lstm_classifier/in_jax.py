"""The text classifier in flax."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from interop.models.loading import into_flax
from interop.models.lstm_classifier.weights import CLASSES, HIDDEN, LAYERS, WIDTH, WORDS, draw


class LstmClassifier(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        def lstm(into: int) -> nnx.RNN:
            return nnx.RNN(nnx.OptimizedLSTMCell(into, HIDDEN, rngs=rngs), rngs=rngs)

        self.words = nnx.Embed(WORDS, WIDTH, rngs=rngs)
        self.lstm = nnx.List(
            [
                nnx.Bidirectional(lstm(into), lstm(into), rngs=rngs)
                for into in (WIDTH, *[2 * HIDDEN] * (LAYERS - 1))
            ]
        )
        self.head = nnx.Linear(2 * HIDDEN, CLASSES, rngs=rngs)

    def __call__(self, input_ids: jax.Array) -> dict[str, jax.Array]:
        x = self.words(input_ids)
        # Given, because flax else draws (zeros) from a stream, and nobody can export that.
        zeros = jnp.zeros((x.shape[0], HIDDEN), x.dtype)
        for layer in self.lstm:
            x = layer(x, initial_carry=((zeros, zeros), (zeros, zeros)))
        return {"logits": self.head(x.mean(1))}


def lstm_classifier() -> nnx.Module:
    return into_flax(LstmClassifier(nnx.Rngs(0)), draw())
