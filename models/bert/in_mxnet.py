"""The encoder in MXNet gluon."""

from __future__ import annotations

from typing import Any

from interop.models.bert.weights import EPSILON, HEADS, LAYERS, LONGEST, WIDTH, WORDS, draw
from interop.models.loading import into_mxnet
from interop.models.transformer_mxnet import Block
from mxnet.gluon import HybridBlock, nn


class Bert(HybridBlock):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.positions = nn.Embedding(LONGEST, WIDTH)
        self.types = nn.Embedding(2, WIDTH)
        self.norm = nn.LayerNorm(epsilon=EPSILON, in_channels=WIDTH)
        self.blocks = nn.HybridSequential()
        self.blocks.add(
            *(
                Block(WIDTH, HEADS, pre=False, approximate="none", epsilon=EPSILON)
                for _ in range(LAYERS)
            )
        )
        self.pooler = nn.Dense(WIDTH, in_units=WIDTH)

    def hybrid_forward(
        self, F: Any, input_ids: Any, token_type_ids: Any, attention_mask: Any
    ) -> Any:
        words = self.words(input_ids)
        places = F.contrib.arange_like(words, axis=1)
        x = F.broadcast_add(words + self.types(token_type_ids), self.positions(places))
        x = self.norm(x)
        kept = F.cast(attention_mask, "float32")
        mask = F.expand_dims(F.expand_dims((1 - kept) * -1e4, axis=1), axis=1)
        for block in self.blocks:
            x = block(x, mask)
        first = F.reshape(F.slice_axis(x, axis=1, begin=0, end=1), shape=(-1, WIDTH))
        return x, F.tanh(self.pooler(first))


def bert() -> HybridBlock:
    return into_mxnet(Bert(), draw())
