"""Shared weights of the decoder."""

from __future__ import annotations

from interop.models.drawing import Drawing, Weights
from interop.models.transformer import draw_block

WIDTH, HEADS, LAYERS, WORDS, LONGEST = 256, 4, 4, 1000, 128
EPSILON = 1e-5


def draw(seed: int = 0) -> Weights:
    """Weights of the decoder, float32. The head is the word table, so that is small."""
    d = Drawing(seed)
    d.embedding("words", WORDS, WIDTH, std=0.2)
    d.embedding("positions", LONGEST, WIDTH, std=0.1)
    for layer in range(LAYERS):
        draw_block(d, f"blocks.{layer}", WIDTH, layers=LAYERS)
    d.layer_norm("norm", WIDTH)
    return d.weights
