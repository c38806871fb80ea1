"""The keyword spotter in flax, spectrograms [batch, frames, bands, 1]."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from interop.models.keyword_spotter.weights import BANDS, CHANNELS, HIDDEN, KEYWORDS, draw
from interop.models.loading import into_flax


class KeywordSpotter(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        def conv(into: int, out: int, side: int, stride: tuple[int, int]) -> nnx.Conv:
            padding = [(side // 2, side // 2)] * 2
            return nnx.Conv(
                into, out, (side, side), stride, padding=padding, use_bias=False, rngs=rngs
            )

        def gru() -> nnx.RNN:
            features = 2 * CHANNELS * BANDS // 4
            cell = nnx.GRUCell(features, HIDDEN, rngs=rngs)
            # With a bias on its state too, as cuDNN, torch and ONNX have it; flax leaves it away.
            cell.dense_h = nnx.Linear(HIDDEN, 3 * HIDDEN, rngs=rngs)
            return nnx.RNN(cell, rngs=rngs)

        self.conv1 = conv(1, CHANNELS, 5, (2, 2))
        self.norm1 = nnx.BatchNorm(CHANNELS, rngs=rngs)
        self.conv2 = conv(CHANNELS, 2 * CHANNELS, 3, (1, 2))
        self.norm2 = nnx.BatchNorm(2 * CHANNELS, rngs=rngs)
        self.gru = nnx.List([nnx.Bidirectional(gru(), gru(), rngs=rngs)])
        self.head = nnx.Linear(2 * HIDDEN, KEYWORDS, rngs=rngs)

    def __call__(self, spectrogram: jax.Array) -> dict[str, jax.Array]:
        x = nnx.relu(self.norm1(self.conv1(spectrogram)))
        x = nnx.relu(self.norm2(self.conv2(x)))
        # Channels before bands, as the weights of the GRU expect.
        x = x.transpose(0, 1, 3, 2).reshape(*x.shape[:2], -1)
        # Given, because flax else draws (zeros) from a stream, and nobody can export that.
        zeros = jnp.zeros((x.shape[0], HIDDEN), x.dtype)
        for layer in self.gru:
            x = layer(x, initial_carry=(zeros, zeros))
        return {"logits": self.head(x.mean(1))}


def keyword_spotter() -> nnx.Module:
    return into_flax(KeywordSpotter(nnx.Rngs(0)), draw())
