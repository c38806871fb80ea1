"""Shared weights of MobileNetV2. Python 3.6."""

from typing import Iterator, Tuple

from interop.models.drawing import LINEAR, Drawing, Weights

#: Expansion, channels, repeats, stride.
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
          (6, 320, 1, 1))  # fmt: skip


def blocks() -> Iterator[Tuple[str, int, int, int, int]]:
    """(name, channels in, channels out, stride, expansion) of each inverted residual."""
    into, index = 32, 0
    for expansion, out, repeats, stride in STAGES:
        for repeat in range(repeats):
            yield f"blocks.{index}", into, out, stride if repeat == 0 else 1, expansion
            into, index = out, index + 1


def draw(seed: int = 0) -> Weights:
    """Weights of MobileNetV2, float32."""
    d = Drawing(seed)
    d.conv("stem.conv", 32, 3, 3, 3)
    d.batch_norm("stem.norm", 32, spread=2.0)
    for name, into, out, _, expansion in blocks():
        wide = into * expansion
        if expansion != 1:
            d.conv(f"{name}.expand.conv", wide, into, 1, 1)
            d.batch_norm(f"{name}.expand.norm", wide)
        d.conv(f"{name}.depthwise.conv", wide, 1, 3, 3)
        d.batch_norm(f"{name}.depthwise.norm", wide)
        d.conv(f"{name}.project.conv", out, wide, 1, 1, gain=LINEAR)
        d.batch_norm(f"{name}.project.norm", out, scale=0.6 if into == out else 1.0, spread=0.5)
    d.conv("head.conv", 1280, 320, 1, 1, gain=LINEAR)
    d.batch_norm("head.norm", 1280)
    d.linear("classifier", 1000, 1280, gain=4.0)
    return d.weights
