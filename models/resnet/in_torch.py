"""Residual networks in PyTorch."""

from __future__ import annotations

import torch
from interop.models.loading import into_torch
from interop.models.resnet.weights import DEPTHS, WIDTHS, draw
from torch import nn


class Block(nn.Module):
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
            setattr(self, f"conv{index}", nn.Conv2d(i, o, k, s, k // 2, bias=False))
            setattr(self, f"bn{index}", nn.BatchNorm2d(o))
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or into != out:
            conv = nn.Conv2d(into, out, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x
        for index in range(1, self.count + 1):
            y = getattr(self, f"bn{index}")(getattr(self, f"conv{index}")(y))
            if index < self.count:
                y = torch.relu(y)
        return torch.relu(y + self.downsample(x))


class ResNet(nn.Module):
    def __init__(self, depth: int) -> None:
        super().__init__()
        blocks, bottleneck = DEPTHS[depth]
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        into = 64
        for stage, (count, width) in enumerate(zip(blocks, WIDTHS, strict=True), start=1):
            layers = []
            for block in range(count):
                stride = 2 if block == 0 and stage > 1 else 1
                layers.append(Block(into, width, stride, bottleneck))
                into = width * 4 if bottleneck else width
            setattr(self, f"layer{stage}", nn.Sequential(*layers))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(into, 1000)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(torch.relu(self.bn1(self.conv1(image))))
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return self.fc(torch.flatten(self.avgpool(x), 1))


def resnet18() -> nn.Module:
    return into_torch(ResNet(18), draw(18))


def resnet50() -> nn.Module:
    return into_torch(ResNet(50), draw(50))
