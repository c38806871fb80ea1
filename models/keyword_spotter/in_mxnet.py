"""The keyword spotter in MXNet gluon."""

from __future__ import annotations

from typing import Any

from interop.models.keyword_spotter.weights import BANDS, CHANNELS, HIDDEN, KEYWORDS, draw
from interop.models.loading import into_mxnet
from mxnet.gluon import HybridBlock, nn, rnn


class KeywordSpotter(HybridBlock):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2D(CHANNELS, 5, 2, 2, use_bias=False, in_channels=1)
        self.norm1 = nn.BatchNorm(in_channels=CHANNELS)
        self.conv2 = nn.Conv2D(2 * CHANNELS, 3, (1, 2), 1, use_bias=False, in_channels=CHANNELS)
        self.norm2 = nn.BatchNorm(in_channels=2 * CHANNELS)
        self.features = 2 * CHANNELS * BANDS // 4
        # Two of one direction, as mx.onnx exports no bidirectional one.
        self.forwards = rnn.GRU(HIDDEN, input_size=self.features)
        self.backwards = rnn.GRU(HIDDEN, input_size=self.features)
        self.head = nn.Dense(KEYWORDS, in_units=2 * HIDDEN)

    def hybrid_forward(self, F: Any, spectrogram: Any) -> Any:
        x = F.relu(self.norm1(self.conv1(spectrogram)))
        x = F.relu(self.norm2(self.conv2(x)))
        x = F.transpose(x, axes=(2, 0, 1, 3))  # [time, batch, channels, bands]
        x = F.reshape(x, shape=(0, 0, -1))
        back = F.SequenceReverse(self.backwards(F.SequenceReverse(x)))
        return self.head(F.mean(F.concat(self.forwards(x), back, dim=2), axis=0))


def keyword_spotter() -> HybridBlock:
    named = {}
    for name, array in draw().items():
        owner, _, part = name.partition("gru.")
        if part:
            owner = "backwards." if part.endswith("_reverse") else "forwards."
            name = owner + part.removesuffix("_reverse")
        named[name] = array
    return into_mxnet(KeywordSpotter(), named)
