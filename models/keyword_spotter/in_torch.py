"""The keyword spotter in PyTorch."""

from __future__ import annotations

import torch
from interop.models.keyword_spotter.weights import BANDS, CHANNELS, HIDDEN, KEYWORDS, draw
from interop.models.loading import into_torch
from torch import nn


class KeywordSpotter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, CHANNELS, 5, 2, 2, bias=False)
        self.norm1 = nn.BatchNorm2d(CHANNELS)
        self.conv2 = nn.Conv2d(CHANNELS, 2 * CHANNELS, 3, (1, 2), 1, bias=False)
        self.norm2 = nn.BatchNorm2d(2 * CHANNELS)
        features = 2 * CHANNELS * BANDS // 4
        self.gru = nn.GRU(features, HIDDEN, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * HIDDEN, KEYWORDS)

    def forward(self, spectrogram: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm1(self.conv1(spectrogram)))
        x = torch.relu(self.norm2(self.conv2(x)))
        x = x.permute(0, 2, 1, 3).flatten(2)  # [batch, time, channels * bands]
        states, _ = self.gru(x)
        return self.head(states.mean(1))


def keyword_spotter() -> nn.Module:
    return into_torch(KeywordSpotter(), draw())
