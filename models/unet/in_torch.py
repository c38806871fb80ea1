"""U-Net in PyTorch."""

from __future__ import annotations

import torch
from interop.models.loading import into_torch
from interop.models.unet.weights import CLASSES, WIDTHS, draw
from torch import nn


class Double(nn.Module):
    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(into, out, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(x)))


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        wide = [3, *WIDTHS]
        self.down = nn.ModuleList(Double(i, o) for i, o in zip(wide, WIDTHS, strict=False))
        pairs = list(zip(WIDTHS[1:], WIDTHS[:-1], strict=True))
        self.up = nn.ModuleList(nn.ConvTranspose2d(i, o, 2, 2) for i, o in pairs)
        self.join = nn.ModuleList(Double(2 * o, o) for _, o in pairs)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Conv2d(WIDTHS[0], CLASSES, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        skips, x = [], image
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else self.pool(x))
            skips.append(x)
        for level in reversed(range(len(self.up))):
            x = self.join[level](torch.cat([skips[level], self.up[level](x)], dim=1))
        return torch.sigmoid(self.head(x))


def unet() -> nn.Module:
    return into_torch(UNet(), draw())
