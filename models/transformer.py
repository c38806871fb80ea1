"""What the zoo's transformers share: the weights of a block, and the block in each framework."""

from __future__ import annotations

from interop.models.drawing import LINEAR, RELU, Drawing


def draw_block(d: Drawing, name: str, width: int, *, layers: int) -> None:
    """Attention and a two-layer perceptron of four times the width; branches damped by depth."""
    damp = 1.0 / layers
    for part in ("query", "key", "value"):
        d.linear(f"{name}.{part}", width, width, gain=2.0 if part != "value" else LINEAR)
    d.linear(f"{name}.proj", width, width, gain=damp)
    d.layer_norm(f"{name}.norm1", width)
    d.linear(f"{name}.fc1", 4 * width, width, gain=RELU)
    d.linear(f"{name}.fc2", width, 4 * width, gain=damp)
    d.layer_norm(f"{name}.norm2", width)
