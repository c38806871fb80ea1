"""The text classifier in PyTorch."""

from __future__ import annotations

import torch
from interop.models.loading import into_torch
from interop.models.lstm_classifier.weights import CLASSES, HIDDEN, LAYERS, WIDTH, WORDS, draw
from torch import nn


class LstmClassifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.lstm = nn.LSTM(WIDTH, HIDDEN, LAYERS, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * HIDDEN, CLASSES)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        states, _ = self.lstm(self.words(input_ids))
        return self.head(states.mean(1))


def lstm_classifier() -> nn.Module:
    return into_torch(LstmClassifier(), draw())
