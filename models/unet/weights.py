"""Shared weights of the U-Net."""

from __future__ import annotations

from interop.models.drawing import LINEAR, Drawing, Weights

WIDTHS = (24, 48, 96, 192)
CLASSES = 4


def _double(d: Drawing, name: str, into: int, out: int) -> None:
    for index, channels in enumerate((into, out), start=1):
        d.conv(f"{name}.conv{index}", out, channels, 3, 3)
        d.batch_norm(f"{name}.norm{index}", out, spread=2.0 if into == 3 and index == 1 else 1.0)


def draw(seed: int = 0) -> Weights:
    """Weights of the U-Net, float32."""
    d = Drawing(seed)
    into = 3
    for level, width in enumerate(WIDTHS):
        _double(d, f"down.{level}", into, width)
        into = width
    for level in reversed(range(len(WIDTHS) - 1)):
        d.conv_transpose(f"up.{level}", into, WIDTHS[level], 2, 2, gain=1.5, bias=True)
        into = WIDTHS[level]
        _double(d, f"join.{level}", 2 * into, into)
    d.conv("head", CLASSES, into, 1, 1, gain=LINEAR, bias=True)
    return d.weights
