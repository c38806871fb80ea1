"""MobileNetV2 in PyTorch."""

from __future__ import annotations

import torch
from interop.models.loading import into_torch
from interop.models.mobilenet_v2.weights import blocks, draw
from torch import nn


class Unit(nn.Module):
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
        self.conv = nn.Conv2d(into, out, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out)
        self.act: nn.Module = nn.ReLU6() if active else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(self.norm(self.conv(x)))


class InvertedResidual(nn.Module):
    def __init__(self, into: int, out: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = into * expansion
        self.expand: nn.Module = Unit(into, wide, 1) if expansion != 1 else nn.Identity()
        self.depthwise = Unit(wide, wide, 3, stride, groups=wide)
        self.project = Unit(wide, out, 1, active=False)
        self.residual = stride == 1 and into == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


class MobileNetV2(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = Unit(3, 32, 3, 2)
        self.blocks = nn.Sequential(*(InvertedResidual(i, o, s, e) for _, i, o, s, e in blocks()))
        self.head = Unit(320, 1280, 1)
        self.classifier = nn.Linear(1280, 1000)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.head(self.blocks(self.stem(image))).mean([2, 3]))


def mobilenet_v2() -> nn.Module:
    return into_torch(MobileNetV2(), draw())
