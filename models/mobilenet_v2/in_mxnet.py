"""MobileNetV2 in MXNet gluon."""

from __future__ import annotations

from typing import Any

from interop.models.loading import into_mxnet
from interop.models.mobilenet_v2.weights import blocks, draw
from mxnet.gluon import HybridBlock, nn


class Unit(HybridBlock):
    """Convolution, batch norm, and ReLU6 where `active`."""

    def __init__(
        self,
        into: int,
        out: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        active: bool = True,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2D(
            out, kernel, stride, kernel // 2, groups=groups, use_bias=False, in_channels=into
        )
        self.norm = nn.BatchNorm(in_channels=out)
        self.active = active

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        y = self.norm(self.conv(x))
        return F.clip(y, 0, 6) if self.active else y


class InvertedResidual(HybridBlock):
    def __init__(self, into: int, out: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = into * expansion
        self.wider = expansion != 1
        if self.wider:
            self.expand = Unit(into, wide, 1)
        self.depthwise = Unit(wide, wide, 3, stride, groups=wide)
        self.project = Unit(wide, out, 1, active=False)
        self.residual = stride == 1 and into == out

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        y = self.project(self.depthwise(self.expand(x) if self.wider else x))
        return x + y if self.residual else y


class MobileNetV2(HybridBlock):
    def __init__(self) -> None:
        super().__init__()
        self.stem = Unit(3, 32, 3, 2)
        self.blocks = nn.HybridSequential()
        self.blocks.add(*(InvertedResidual(i, o, s, e) for _, i, o, s, e in blocks()))
        self.head = Unit(320, 1280, 1)
        self.pool = nn.GlobalAvgPool2D()
        self.classifier = nn.Dense(1000, in_units=1280)

    def hybrid_forward(self, F: Any, image: Any) -> Any:
        return self.classifier(self.pool(self.head(self.blocks(self.stem(image)))))


def mobilenet_v2() -> HybridBlock:
    return into_mxnet(MobileNetV2(), draw())
