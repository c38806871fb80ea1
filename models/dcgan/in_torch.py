"""The generator in PyTorch."""

from __future__ import annotations

import torch
from interop.models.dcgan.weights import LATENT, WIDTHS, draw
from interop.models.loading import into_torch
from torch import nn


class Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        ups = [nn.ConvTranspose2d(LATENT, WIDTHS[0], 4, 1, 0, bias=False)]
        for index in range(1, 4):
            ups.append(nn.ConvTranspose2d(WIDTHS[index - 1], WIDTHS[index], 4, 2, 1, bias=False))
        ups.append(nn.ConvTranspose2d(WIDTHS[3], 3, 4, 2, 1))
        self.up = nn.ModuleList(ups)
        self.norm = nn.ModuleList(nn.BatchNorm2d(width) for width in WIDTHS)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        x = latent[:, :, None, None]
        for up, norm in zip(self.up[:-1], self.norm, strict=True):
            x = torch.relu(norm(up(x)))
        return torch.tanh(self.up[-1](x))


def dcgan() -> nn.Module:
    return into_torch(Generator(), draw())
