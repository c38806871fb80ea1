"""Shared weights of the text classifier."""

from __future__ import annotations

from interop.models.drawing import Drawing, Weights

WORDS, WIDTH, HIDDEN, LAYERS, CLASSES = 1000, 64, 64, 2, 5


def draw(seed: int = 0) -> Weights:
    """Weights of the text classifier, float32."""
    d = Drawing(seed)
    d.embedding("words", WORDS, WIDTH)
    for layer in range(LAYERS):
        d.recurrent("lstm", WIDTH if layer == 0 else 2 * HIDDEN, HIDDEN, gates=4, layer=layer)
    d.linear("head", CLASSES, 2 * HIDDEN, gain=40.0)
    return d.weights
