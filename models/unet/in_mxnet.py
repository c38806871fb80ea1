"""U-Net in MXNet gluon."""

from __future__ import annotations

from typing import Any

from interop.models.loading import into_mxnet
from interop.models.unet.weights import CLASSES, WIDTHS, draw
from mxnet.gluon import HybridBlock, nn


class Double(HybridBlock):
    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2D(out, 3, padding=1, use_bias=False, in_channels=into)
        self.norm1 = nn.BatchNorm(in_channels=out)
        self.conv2 = nn.Conv2D(out, 3, padding=1, use_bias=False, in_channels=out)
        self.norm2 = nn.BatchNorm(in_channels=out)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        x = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(x)))


class UNet(HybridBlock):
    def __init__(self) -> None:
        super().__init__()
        wide = [3, *WIDTHS]
        pairs = list(zip(WIDTHS[1:], WIDTHS[:-1], strict=True))
        self.down, self.up, self.join = (nn.HybridSequential() for _ in range(3))
        self.down.add(*(Double(i, o) for i, o in zip(wide, WIDTHS, strict=False)))
        self.up.add(*(nn.Conv2DTranspose(o, 2, 2, in_channels=i) for i, o in pairs))
        self.join.add(*(Double(2 * o, o) for _, o in pairs))
        self.pool = nn.MaxPool2D(2, 2)
        self.head = nn.Conv2D(CLASSES, 1, in_channels=WIDTHS[0])

    def hybrid_forward(self, F: Any, image: Any) -> Any:
        skips, x = [], image
        for level in range(len(self.down)):
            x = self.down[level](x if level == 0 else self.pool(x))
            skips.append(x)
        for level in reversed(range(len(self.up))):
            x = self.join[level](F.concat(skips[level], self.up[level](x), dim=1))
        return F.sigmoid(self.head(x))


def unet() -> HybridBlock:
    return into_mxnet(UNet(), draw())
