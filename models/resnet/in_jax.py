"""Residual networks in flax, images NHWC."""

from __future__ import annotations

import jax
from flax import nnx
from interop.models.loading import into_flax
from interop.models.resnet.weights import DEPTHS, WIDTHS, draw


def _conv(into: int, out: int, kernel: int, stride: int, rngs: nnx.Rngs) -> nnx.Conv:
    padding = [(kernel // 2, kernel // 2)] * 2  # "SAME" would pad one side only, given a stride
    return nnx.Conv(into, out, (kernel, kernel), stride, padding=padding, use_bias=False, rngs=rngs)


class Block(nnx.Module):
    """Convolutions with batch norm, ReLU between them, added to the input."""

    def __init__(
        self, into: int, width: int, stride: int, bottleneck: bool, rngs: nnx.Rngs
    ) -> None:
        out = width * 4 if bottleneck else width
        if bottleneck:
            shapes = [(into, width, 1, 1), (width, width, 3, stride), (width, out, 1, 1)]
        else:
            shapes = [(into, width, 3, stride), (width, width, 3, 1)]
        self.count = len(shapes)
        for index, (i, o, k, s) in enumerate(shapes, start=1):
            setattr(self, f"conv{index}", _conv(i, o, k, s, rngs))
            setattr(self, f"bn{index}", nnx.BatchNorm(o, rngs=rngs))
        self.downsample = nnx.List()
        if stride != 1 or into != out:
            self.downsample.append(_conv(into, out, 1, stride, rngs))
            self.downsample.append(nnx.BatchNorm(out, rngs=rngs))

    def __call__(self, x: jax.Array) -> jax.Array:
        y = x
        for index in range(1, self.count + 1):
            y = getattr(self, f"bn{index}")(getattr(self, f"conv{index}")(y))
            if index < self.count:
                y = nnx.relu(y)
        for layer in self.downsample:
            x = layer(x)
        return nnx.relu(y + x)


class ResNet(nnx.Module):
    def __init__(self, depth: int, rngs: nnx.Rngs) -> None:
        blocks, bottleneck = DEPTHS[depth]
        self.conv1 = _conv(3, 64, 7, 2, rngs)
        self.bn1 = nnx.BatchNorm(64, rngs=rngs)
        into = 64
        for stage, (count, width) in enumerate(zip(blocks, WIDTHS, strict=True), start=1):
            layers = nnx.List()
            for block in range(count):
                stride = 2 if block == 0 and stage > 1 else 1
                layers.append(Block(into, width, stride, bottleneck, rngs))
                into = width * 4 if bottleneck else width
            setattr(self, f"layer{stage}", layers)
        self.fc = nnx.Linear(into, 1000, rngs=rngs)

    def __call__(self, image: jax.Array) -> dict[str, jax.Array]:
        x = nnx.relu(self.bn1(self.conv1(image)))
        x = nnx.max_pool(x, (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))
        for stage in range(1, 5):
            for block in getattr(self, f"layer{stage}"):
                x = block(x)
        return {"logits": self.fc(x.mean((1, 2)))}


def resnet18() -> nnx.Module:
    return into_flax(ResNet(18, nnx.Rngs(0)), draw(18))


def resnet50() -> nnx.Module:
    return into_flax(ResNet(50, nnx.Rngs(0)), draw(50))
