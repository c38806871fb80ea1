"""The vision transformer in flax, images NHWC."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from interop.models.loading import into_flax
from interop.models.transformer_jax import Block
from interop.models.vit.weights import EPSILON, HEADS, LAYERS, PATCH, SIDE, WIDTH, draw


class ViT(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        self.patches = nnx.Conv(3, WIDTH, (PATCH, PATCH), PATCH, padding="VALID", rngs=rngs)
        self.token = nnx.Param(jnp.zeros((1, 1, WIDTH)))
        self.positions = nnx.Param(jnp.zeros((1, (SIDE // PATCH) ** 2 + 1, WIDTH)))
        self.blocks = nnx.List(
            [
                Block(WIDTH, HEADS, rngs, pre=True, approximate=False, epsilon=EPSILON)
                for _ in range(LAYERS)
            ]
        )
        self.norm = nnx.LayerNorm(WIDTH, epsilon=EPSILON, rngs=rngs)
        self.head = nnx.Linear(WIDTH, 1000, rngs=rngs)

    def __call__(self, image: jax.Array) -> dict[str, jax.Array]:
        x = self.patches(image)
        x = x.reshape(x.shape[0], -1, WIDTH)
        token = jnp.broadcast_to(self.token[...], (x.shape[0], 1, WIDTH))
        x = jnp.concatenate([token, x], axis=1) + self.positions[...]
        for block in self.blocks:
            x = block(x)
        return {"logits": self.head(self.norm(x)[:, 0])}


def vit() -> nnx.Module:
    return into_flax(ViT(nnx.Rngs(0)), draw())
