"""A transformer block in flax."""

from __future__ import annotations

import jax
from flax import nnx


class Block(nnx.Module):
    """Attention and perceptron, each a residual branch; norms before (`pre`) or after them."""

    def __init__(
        self, width: int, heads: int, rngs: nnx.Rngs, *, pre: bool, approximate: bool,
        epsilon: float,
    ) -> None:  # fmt: skip
        self.heads, self.pre, self.approximate = heads, pre, approximate
        self.query, self.key, self.value = (nnx.Linear(width, width, rngs=rngs) for _ in range(3))
        self.proj = nnx.Linear(width, width, rngs=rngs)
        self.norm1 = nnx.LayerNorm(width, epsilon=epsilon, rngs=rngs)
        self.fc1 = nnx.Linear(width, 4 * width, rngs=rngs)
        self.fc2 = nnx.Linear(4 * width, width, rngs=rngs)
        self.norm2 = nnx.LayerNorm(width, epsilon=epsilon, rngs=rngs)

    def attend(
        self, x: jax.Array, bias: jax.Array | None = None, causal: bool = False
    ) -> jax.Array:
        def split(y: jax.Array) -> jax.Array:  # [batch, time, heads, channels], as JAX has them
            return y.reshape(*y.shape[:2], self.heads, -1)

        q, k, v = split(self.query(x)), split(self.key(x)), split(self.value(x))
        y = jax.nn.dot_product_attention(q, k, v, bias, is_causal=causal)
        return self.proj(y.reshape(x.shape))

    def __call__(
        self, x: jax.Array, bias: jax.Array | None = None, causal: bool = False
    ) -> jax.Array:
        if self.pre:
            x = x + self.attend(self.norm1(x), bias, causal)
            return x + self.feed(self.norm2(x))
        x = self.norm1(x + self.attend(x, bias, causal))
        return self.norm2(x + self.feed(x))

    def feed(self, x: jax.Array) -> jax.Array:
        return self.fc2(nnx.gelu(self.fc1(x), approximate=self.approximate))
