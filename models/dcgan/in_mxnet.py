"""The generator in MXNet gluon."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from interop.models.dcgan.weights import LATENT, WIDTHS, draw
from interop.models.loading import into_mxnet
from mxnet.gluon import HybridBlock, nn


class Generator(HybridBlock):
    def __init__(self) -> None:
        super().__init__()
        self.up, self.norm = nn.HybridSequential(), nn.HybridSequential()
        self.up.add(nn.Conv2DTranspose(WIDTHS[0], 4, 1, 0, use_bias=False, in_channels=LATENT))
        for into, out in pairwise(WIDTHS):
            self.up.add(nn.Conv2DTranspose(out, 4, 2, 1, use_bias=False, in_channels=into))
        self.up.add(nn.Conv2DTranspose(3, 4, 2, 1, in_channels=WIDTHS[-1]))
        self.norm.add(*(nn.BatchNorm(in_channels=width) for width in WIDTHS))

    def hybrid_forward(self, F: Any, latent: Any) -> Any:
        x = F.expand_dims(F.expand_dims(latent, axis=2), axis=3)
        for index in range(len(self.norm)):
            x = F.relu(self.norm[index](self.up[index](x)))
        return F.tanh(self.up[len(self.norm)](x))


def dcgan() -> HybridBlock:
    return into_mxnet(Generator(), draw())
