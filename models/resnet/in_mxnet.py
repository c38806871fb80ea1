"""Residual networks in MXNet gluon."""

from __future__ import annotations

from typing import Any

from interop.models.loading import into_mxnet
from interop.models.resnet.weights import DEPTHS, WIDTHS, draw
from mxnet.gluon import HybridBlock, nn


def conv(into: int, out: int, kernel: int, stride: int) -> nn.Conv2D:
    return nn.Conv2D(out, kernel, stride, kernel // 2, use_bias=False, in_channels=into)


class Block(HybridBlock):
    """Convolutions with batch norm, ReLU between them, added to the input."""

    def __init__(self, into: int, width: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        out = width * 4 if bottleneck else width
        if bottleneck:
            shapes = [(into, width, 1, 1), (width, width, 3, stride), (width, out, 1, 1)]
        else:
            shapes = [(into, width, 3, stride), (width, width, 3, 1)]
        self.count = len(shapes)
        for index, (i, o, k, s) in enumerate(shapes, start=1):
            setattr(self, f"conv{index}", conv(i, o, k, s))
            setattr(self, f"bn{index}", nn.BatchNorm(in_channels=o))
        self.downsample = nn.HybridSequential()
        if stride != 1 or into != out:
            self.downsample.add(conv(into, out, 1, stride), nn.BatchNorm(in_channels=out))

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        y = x
        for index in range(1, self.count + 1):
            y = getattr(self, f"bn{index}")(getattr(self, f"conv{index}")(y))
            if index < self.count:
                y = F.relu(y)
        return F.relu(y + (self.downsample(x) if len(self.downsample) else x))


class ResNet(HybridBlock):
    def __init__(self, depth: int) -> None:
        super().__init__()
        blocks, bottleneck = DEPTHS[depth]
        self.conv1 = nn.Conv2D(64, 7, 2, 3, use_bias=False, in_channels=3)
        self.bn1 = nn.BatchNorm(in_channels=64)
        self.maxpool = nn.MaxPool2D(3, 2, 1)
        into = 64
        for stage, (count, width) in enumerate(zip(blocks, WIDTHS, strict=True), start=1):
            layers = nn.HybridSequential()
            for block in range(count):
                stride = 2 if block == 0 and stage > 1 else 1
                layers.add(Block(into, width, stride, bottleneck))
                into = width * 4 if bottleneck else width
            setattr(self, f"layer{stage}", layers)
        self.avgpool = nn.GlobalAvgPool2D()
        self.fc = nn.Dense(1000, in_units=into)

    def hybrid_forward(self, F: Any, image: Any) -> Any:
        x = self.maxpool(F.relu(self.bn1(self.conv1(image))))
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return self.fc(self.avgpool(x))


def resnet18() -> HybridBlock:
    return into_mxnet(ResNet(18), draw(18))


def resnet50() -> HybridBlock:
    return into_mxnet(ResNet(50), draw(50))
