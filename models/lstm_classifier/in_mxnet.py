"""The text classifier in MXNet gluon."""

from __future__ import annotations

from typing import Any

from interop.models.loading import into_mxnet
from interop.models.lstm_classifier.weights import CLASSES, HIDDEN, LAYERS, WIDTH, WORDS, draw
from mxnet.gluon import HybridBlock, nn, rnn


class LstmClassifier(HybridBlock):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.lstm = rnn.LSTM(HIDDEN, LAYERS, bidirectional=True, input_size=WIDTH)
        self.head = nn.Dense(CLASSES, in_units=2 * HIDDEN)

    def hybrid_forward(self, F: Any, input_ids: Any) -> Any:
        steps = F.transpose(self.words(input_ids), axes=(1, 0, 2))
        return self.head(F.mean(self.lstm(steps), axis=0))


def lstm_classifier() -> HybridBlock:
    return into_mxnet(LstmClassifier(), draw())
