"""Shared weights of the keyword spotter."""

from __future__ import annotations

from interop.models.drawing import Drawing, Weights

FRAMES, BANDS, CHANNELS, HIDDEN, KEYWORDS = 98, 40, 16, 48, 12


def draw(seed: int = 0) -> Weights:
    """Weights of the keyword spotter, float32."""
    d = Drawing(seed)
    d.conv("conv1", CHANNELS, 1, 5, 5)
    d.batch_norm("norm1", CHANNELS, spread=2.0)
    d.conv("conv2", 2 * CHANNELS, CHANNELS, 3, 3)
    d.batch_norm("norm2", 2 * CHANNELS)
    d.recurrent("gru", 2 * CHANNELS * BANDS // 4, HIDDEN, gates=3)
    d.linear("head", KEYWORDS, 2 * HIDDEN, gain=20.0)
    return d.weights
