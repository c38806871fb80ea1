"""Shared weights of the encoder."""

from __future__ import annotations

from interop.models.drawing import Drawing, Weights
from interop.models.transformer import draw_block

WIDTH, HEADS, LAYERS, WORDS, LONGEST = 256, 4, 4, 2000, 128
EPSILON = 1e-12


def draw(seed: int = 0) -> Weights:
    """Weights of the encoder, float32."""
    d = Drawing(seed)
    d.embedding("words", WORDS, WIDTH)
    d.embedding("positions", LONGEST, WIDTH, std=0.3)
    d.embedding("types", 2, WIDTH, std=0.3)
    d.layer_norm("norm", WIDTH)
    for layer in range(LAYERS):
        draw_block(d, f"blocks.{layer}", WIDTH, layers=LAYERS)
    d.linear("pooler", WIDTH, WIDTH, gain=0.5)
    return d.weights
