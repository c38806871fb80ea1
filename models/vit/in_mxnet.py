"""The vision transformer in MXNet gluon."""

from __future__ import annotations

from typing import Any

from interop.models.loading import into_mxnet
from interop.models.transformer_mxnet import Block
from interop.models.vit.weights import EPSILON, HEADS, LAYERS, PATCH, SIDE, WIDTH, draw
from mxnet.gluon import HybridBlock, nn


class ViT(HybridBlock):
    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2D(WIDTH, PATCH, PATCH, in_channels=3)
        with self.name_scope():
            self.token = self.params.get("token", shape=(1, 1, WIDTH))
            count = (SIDE // PATCH) ** 2 + 1
            self.positions = self.params.get("positions", shape=(1, count, WIDTH))
        self.blocks = nn.HybridSequential()
        self.blocks.add(
            *(
                Block(WIDTH, HEADS, pre=True, approximate="none", epsilon=EPSILON)
                for _ in range(LAYERS)
            )
        )
        self.norm = nn.LayerNorm(epsilon=EPSILON, in_channels=WIDTH)
        self.head = nn.Dense(1000, in_units=WIDTH)

    def hybrid_forward(self, F: Any, image: Any, token: Any, positions: Any) -> Any:
        x = F.transpose(F.reshape(self.patches(image), shape=(0, 0, -1)), axes=(0, 2, 1))
        start = F.slice_axis(x, axis=1, begin=0, end=1)
        first = F.broadcast_add(F.zeros_like(start), token)
        x = F.broadcast_add(F.concat(first, x, dim=1), positions)
        for block in self.blocks:
            x = block(x)
        chosen = F.slice_axis(self.norm(x), axis=1, begin=0, end=1)
        return self.head(F.reshape(chosen, shape=(-1, WIDTH)))


def vit() -> HybridBlock:
    return into_mxnet(ViT(), draw())
