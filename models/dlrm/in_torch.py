"""The recommender in PyTorch."""

from __future__ import annotations

import torch
from interop.models.dlrm.weights import BOTTOM, ROWS, TABLES, TOP, WIDTH, draw
from interop.models.loading import into_torch
from torch import nn


class Dlrm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bottom = nn.ModuleList(nn.Linear(BOTTOM[i], BOTTOM[i + 1]) for i in range(3))
        self.tables = nn.ModuleList(nn.Embedding(ROWS, WIDTH) for _ in range(TABLES))
        self.top = nn.ModuleList(nn.Linear(TOP[i], TOP[i + 1]) for i in range(3))
        rows, columns = torch.tril_indices(TABLES + 1, TABLES + 1, offset=-1)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)

    def forward(self, dense: torch.Tensor, categories: torch.Tensor) -> torch.Tensor:
        x = dense
        for layer in self.bottom:
            x = torch.relu(layer(x))
        parts = [x] + [table(categories[:, i]) for i, table in enumerate(self.tables)]
        stacked = torch.stack(parts, dim=1)
        products = torch.bmm(stacked, stacked.transpose(1, 2))
        y = torch.cat([x, products[:, self.rows, self.columns]], dim=1)
        for layer in self.top[:-1]:
            y = torch.relu(layer(y))
        return torch.sigmoid(self.top[-1](y))


def dlrm() -> nn.Module:
    return into_torch(Dlrm(), draw())
