"""The encoder in flax."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from interop.models.bert.weights import EPSILON, HEADS, LAYERS, LONGEST, WIDTH, WORDS, draw
from interop.models.loading import into_flax
from interop.models.transformer_jax import Block


class Bert(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        self.words = nnx.Embed(WORDS, WIDTH, rngs=rngs)
        self.positions = nnx.Embed(LONGEST, WIDTH, rngs=rngs)
        self.types = nnx.Embed(2, WIDTH, rngs=rngs)
        self.norm = nnx.LayerNorm(WIDTH, epsilon=EPSILON, rngs=rngs)
        self.blocks = nnx.List(
            [
                Block(WIDTH, HEADS, rngs, pre=False, approximate=False, epsilon=EPSILON)
                for _ in range(LAYERS)
            ]
        )
        self.pooler = nnx.Linear(WIDTH, WIDTH, rngs=rngs)

    def __call__(
        self, input_ids: jax.Array, token_type_ids: jax.Array, attention_mask: jax.Array
    ) -> dict[str, jax.Array]:
        # Counted, not jnp.arange: that cannot be exported with its length open.
        places = jnp.cumsum(jnp.ones_like(input_ids), axis=1) - 1
        x = self.norm(self.words(input_ids) + self.positions(places) + self.types(token_type_ids))
        bias = (1.0 - attention_mask[:, None, None, :].astype(x.dtype)) * -1e4
        for block in self.blocks:
            x = block(x, bias)
        return {"last_hidden_state": x, "pooled": jnp.tanh(self.pooler(x[:, 0]))}


def bert() -> nnx.Module:
    return into_flax(Bert(nnx.Rngs(0)), draw())
