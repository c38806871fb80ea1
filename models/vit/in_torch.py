"""The vision transformer in PyTorch."""

from __future__ import annotations

import torch
from interop.models.loading import into_torch
from interop.models.transformer_torch import Block
from interop.models.vit.weights import EPSILON, HEADS, LAYERS, PATCH, SIDE, WIDTH, draw
from torch import nn


class ViT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.positions = nn.Parameter(torch.zeros(1, (SIDE // PATCH) ** 2 + 1, WIDTH))
        self.blocks = nn.ModuleList(
            Block(WIDTH, HEADS, pre=True, approximate="none", epsilon=EPSILON)
            for _ in range(LAYERS)
        )
        self.norm = nn.LayerNorm(WIDTH, EPSILON)
        self.head = nn.Linear(WIDTH, 1000)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.patches(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


def vit() -> nn.Module:
    return into_torch(ViT(), draw())
