"""The decoder in PyTorch."""

from __future__ import annotations

import torch
from interop.models.gpt.weights import EPSILON, HEADS, LAYERS, LONGEST, WIDTH, WORDS, draw
from interop.models.loading import into_torch
from interop.models.transformer_torch import Block
from torch import nn


class Gpt(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.positions = nn.Embedding(LONGEST, WIDTH)
        self.blocks = nn.ModuleList(
            Block(WIDTH, HEADS, pre=True, approximate="tanh", epsilon=EPSILON)
            for _ in range(LAYERS)
        )
        self.norm = nn.LayerNorm(WIDTH, EPSILON)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        x = self.words(input_ids) + self.positions(places)
        for block in self.blocks:
            x = block(x, causal=True)
        return self.norm(x) @ self.words.weight.T


def gpt() -> nn.Module:
    return into_torch(Gpt(), draw())
