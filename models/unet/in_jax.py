"""U-Net in flax, images NHWC."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from interop.models.loading import into_flax
from interop.models.unet.weights import CLASSES, WIDTHS, draw


class Double(nnx.Module):
    def __init__(self, into: int, out: int, rngs: nnx.Rngs) -> None:
        self.conv1 = nnx.Conv(into, out, (3, 3), use_bias=False, rngs=rngs)
        self.norm1 = nnx.BatchNorm(out, rngs=rngs)
        self.conv2 = nnx.Conv(out, out, (3, 3), use_bias=False, rngs=rngs)
        self.norm2 = nnx.BatchNorm(out, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        x = nnx.relu(self.norm1(self.conv1(x)))
        return nnx.relu(self.norm2(self.conv2(x)))


class UNet(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        wide = [3, *WIDTHS]
        self.down = nnx.List([Double(i, o, rngs) for i, o in zip(wide, WIDTHS, strict=False)])
        pairs = list(zip(WIDTHS[1:], WIDTHS[:-1], strict=True))
        self.up = nnx.List(
            [
                nnx.ConvTranspose(i, o, (2, 2), (2, 2), transpose_kernel=True, rngs=rngs)
                for i, o in pairs
            ]
        )
        self.join = nnx.List([Double(2 * o, o, rngs) for _, o in pairs])
        self.head = nnx.Conv(WIDTHS[0], CLASSES, (1, 1), rngs=rngs)

    def __call__(self, image: jax.Array) -> dict[str, jax.Array]:
        skips: list[jax.Array] = []
        x = image
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else nnx.max_pool(x, window_shape=(2, 2), strides=(2, 2)))
            skips.append(x)
        for level in reversed(range(len(self.up))):
            x = self.join[level](jnp.concatenate([skips[level], self.up[level](x)], axis=-1))
        return {"mask": nnx.sigmoid(self.head(x))}


def unet() -> nnx.Module:
    return into_flax(UNet(nnx.Rngs(0)), draw())
