"""Shared weights of the generator."""

from __future__ import annotations

from interop.models.drawing import Drawing, Weights

LATENT = 100
WIDTHS = (256, 128, 64, 32)


def draw(seed: int = 0) -> Weights:
    """Weights of the generator, float32."""
    d = Drawing(seed)
    d.conv_transpose("up.0", LATENT, WIDTHS[0], 4, 4, gain=1.0)
    d.batch_norm("norm.0", WIDTHS[0])
    for index in range(1, 4):
        d.conv_transpose(f"up.{index}", WIDTHS[index - 1], WIDTHS[index], 4, 2)
        d.batch_norm(f"norm.{index}", WIDTHS[index])
    d.conv_transpose("up.4", WIDTHS[3], 3, 4, 2, gain=0.7, bias=True)
    return d.weights
