"""The encoder in PyTorch."""

from __future__ import annotations

import torch
from interop.models.bert.weights import EPSILON, HEADS, LAYERS, LONGEST, WIDTH, WORDS, draw
from interop.models.loading import into_torch
from interop.models.transformer_torch import Block
from torch import nn


class Bert(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.positions = nn.Embedding(LONGEST, WIDTH)
        self.types = nn.Embedding(2, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, EPSILON)
        self.blocks = nn.ModuleList(
            Block(WIDTH, HEADS, pre=False, approximate="none", epsilon=EPSILON)
            for _ in range(LAYERS)
        )
        self.pooler = nn.Linear(WIDTH, WIDTH)

    def forward(
        self, input_ids: torch.Tensor, token_type_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        x = self.norm(self.words(input_ids) + self.positions(places) + self.types(token_type_ids))
        mask = (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * -1e4
        for block in self.blocks:
            x = block(x, mask)
        return x, torch.tanh(self.pooler(x[:, 0]))


def bert() -> nn.Module:
    return into_torch(Bert(), draw())
