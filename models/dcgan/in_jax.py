"""The generator in flax, images NHWC."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from interop.models.dcgan.weights import LATENT, WIDTHS, draw
from interop.models.loading import into_flax


class Generator(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        def up(into: int, out: int, stride: int, *, bias: bool = False) -> nnx.ConvTranspose:
            return nnx.ConvTranspose(
                into, out, (4, 4), (stride, stride), padding="VALID" if stride == 1 else "SAME",
                use_bias=bias, transpose_kernel=True, rngs=rngs,
            )  # fmt: skip

        ups = [up(LATENT, WIDTHS[0], 1)]
        ups += [up(WIDTHS[index - 1], WIDTHS[index], 2) for index in range(1, 4)]
        self.up = nnx.List([*ups, up(WIDTHS[3], 3, 2, bias=True)])
        self.norm = nnx.List([nnx.BatchNorm(width, rngs=rngs) for width in WIDTHS])

    def __call__(self, latent: jax.Array) -> dict[str, jax.Array]:
        x = latent[:, None, None, :]
        for up, norm in zip(self.up[:-1], self.norm, strict=True):
            x = nnx.relu(norm(up(x)))
        return {"image": jnp.tanh(self.up[-1](x))}


def dcgan() -> nnx.Module:
    return into_flax(Generator(nnx.Rngs(0)), draw())
