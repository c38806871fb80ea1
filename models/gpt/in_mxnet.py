"""The decoder in MXNet gluon."""

from __future__ import annotations

from typing import Any

from interop.models.gpt.weights import EPSILON, HEADS, LAYERS, LONGEST, WIDTH, WORDS, draw
from interop.models.loading import into_mxnet
from interop.models.transformer_mxnet import Block
from mxnet.gluon import HybridBlock, nn


class Gpt(HybridBlock):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.positions = nn.Embedding(LONGEST, WIDTH)
        self.blocks = nn.HybridSequential()
        self.blocks.add(
            *(
                Block(WIDTH, HEADS, pre=True, approximate="tanh", epsilon=EPSILON)
                for _ in range(LAYERS)
            )
        )
        self.norm = nn.LayerNorm(epsilon=EPSILON, in_channels=WIDTH)
        # Logits by the words' own weights.
        self.logits = nn.Dense(
            WORDS, use_bias=False, in_units=WIDTH, flatten=False, params=self.words.params
        )

    def hybrid_forward(self, F: Any, input_ids: Any) -> Any:
        words = self.words(input_ids)
        places = F.contrib.arange_like(words, axis=1)
        x = F.broadcast_add(words, self.positions(places))
        rows, columns = F.expand_dims(places, axis=1), F.expand_dims(places, axis=0)
        later = F.broadcast_lesser(rows, columns) * -1e9
        mask = F.expand_dims(F.expand_dims(later, axis=0), axis=0)
        for block in self.blocks:
            x = block(x, mask)
        return self.logits(self.norm(x))


def gpt() -> HybridBlock:
    return into_mxnet(Gpt(), draw())
