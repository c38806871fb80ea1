"""Shared weights of the vision transformer."""

from __future__ import annotations

from interop.models.drawing import LINEAR, Drawing, Weights
from interop.models.transformer import draw_block

WIDTH, HEADS, LAYERS, PATCH, SIDE = 192, 3, 6, 16, 224
EPSILON = 1e-6


def draw(seed: int = 0) -> Weights:
    """Weights of the vision transformer, float32."""
    d = Drawing(seed)
    d.conv("patches", WIDTH, 3, PATCH, PATCH, gain=LINEAR, bias=True)
    d.normal("token", 1, 1, WIDTH)
    d.normal("positions", 1, (SIDE // PATCH) ** 2 + 1, WIDTH, std=0.3)
    for layer in range(LAYERS):
        draw_block(d, f"blocks.{layer}", WIDTH, layers=LAYERS)
    d.layer_norm("norm", WIDTH)
    d.linear("head", 1000, WIDTH)
    return d.weights
