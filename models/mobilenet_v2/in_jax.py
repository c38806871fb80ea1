"""MobileNetV2 in flax, images NHWC."""

from __future__ import annotations

import jax
from flax import nnx
from interop.models.loading import into_flax
from interop.models.mobilenet_v2.weights import blocks, draw


class Unit(nnx.Module):
    """Convolution, batch norm, and ReLU6 where `active`."""

    def __init__(
        self, into: int, out: int, kernel: int, rngs: nnx.Rngs, *, stride: int = 1,
        groups: int = 1, active: bool = True,
    ) -> None:  # fmt: skip
        self.conv = nnx.Conv(
            into, out, (kernel, kernel), stride, padding=[(kernel // 2, kernel // 2)] * 2,
            feature_group_count=groups, use_bias=False, rngs=rngs,
        )  # fmt: skip
        self.norm = nnx.BatchNorm(out, rngs=rngs)
        self.active = active

    def __call__(self, x: jax.Array) -> jax.Array:
        x = self.norm(self.conv(x))
        return nnx.relu6(x) if self.active else x


class InvertedResidual(nnx.Module):
    def __init__(self, into: int, out: int, stride: int, expansion: int, rngs: nnx.Rngs) -> None:
        wide = into * expansion
        self.expand = Unit(into, wide, 1, rngs) if expansion != 1 else None
        self.depthwise = Unit(wide, wide, 3, rngs, stride=stride, groups=wide)
        self.project = Unit(wide, out, 1, rngs, active=False)
        self.residual = stride == 1 and into == out

    def __call__(self, x: jax.Array) -> jax.Array:
        y = x if self.expand is None else self.expand(x)
        y = self.project(self.depthwise(y))
        return x + y if self.residual else y


class MobileNetV2(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        self.stem = Unit(3, 32, 3, rngs, stride=2)
        self.blocks = nnx.List([InvertedResidual(*sizes, rngs) for _, *sizes in blocks()])
        self.head = Unit(320, 1280, 1, rngs)
        self.classifier = nnx.Linear(1280, 1000, rngs=rngs)

    def __call__(self, image: jax.Array) -> dict[str, jax.Array]:
        x = self.stem(image)
        for block in self.blocks:
            x = block(x)
        return {"logits": self.classifier(self.head(x).mean((1, 2)))}


def mobilenet_v2() -> nnx.Module:
    return into_flax(MobileNetV2(nnx.Rngs(0)), draw())
