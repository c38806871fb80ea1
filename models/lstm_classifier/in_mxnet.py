"""The text classifier in MXNet gluon."""

from __future__ import annotations

import re
from typing import Any

from interop.models.loading import into_mxnet
from interop.models.lstm_classifier.weights import CLASSES, HIDDEN, LAYERS, WIDTH, WORDS, draw
from mxnet.gluon import HybridBlock, nn, rnn


class LstmClassifier(HybridBlock):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        # One layer each, as mx.onnx exports no more of a bidirectional one.
        self.layers = nn.HybridSequential()
        for index in range(LAYERS):
            into = WIDTH if index == 0 else 2 * HIDDEN
            self.layers.add(rnn.LSTM(HIDDEN, bidirectional=True, input_size=into))
        self.head = nn.Dense(CLASSES, in_units=2 * HIDDEN)

    def hybrid_forward(self, F: Any, input_ids: Any) -> Any:
        x = F.transpose(self.words(input_ids), axes=(1, 0, 2))
        return self.head(F.mean(self.layers(x), axis=0))


def lstm_classifier() -> HybridBlock:
    named = {
        re.sub(r"^lstm\.(.+_l)(\d+)", r"layers.\2.\g<1>0", name): array
        for name, array in draw().items()
    }
    return into_mxnet(LstmClassifier(), named)
