"""The decoder in flax."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from interop.models.gpt.weights import EPSILON, HEADS, LAYERS, LONGEST, WIDTH, WORDS, draw
from interop.models.loading import into_flax
from interop.models.transformer_jax import Block


class Gpt(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        self.words = nnx.Embed(WORDS, WIDTH, rngs=rngs)
        self.positions = nnx.Embed(LONGEST, WIDTH, rngs=rngs)
        self.blocks = nnx.List(
            [
                Block(WIDTH, HEADS, rngs, pre=True, approximate=True, epsilon=EPSILON)
                for _ in range(LAYERS)
            ]
        )
        self.norm = nnx.LayerNorm(WIDTH, epsilon=EPSILON, rngs=rngs)

    def __call__(self, input_ids: jax.Array) -> dict[str, jax.Array]:
        x = self.words(input_ids) + self.positions(jnp.arange(input_ids.shape[1]))
        for block in self.blocks:
            x = block(x, causal=True)
        return {"logits": self.words.attend(self.norm(x))}


def gpt() -> nnx.Module:
    return into_flax(Gpt(nnx.Rngs(0)), draw())
