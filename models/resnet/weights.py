"""Shared weights of the residual networks. Python 3.6."""

from interop.models.drawing import LINEAR, Drawing, Weights

#: Blocks in each of the four stages, and whether they are bottlenecks.
DEPTHS = {18: ((2, 2, 2, 2), False), 50: ((3, 4, 6, 3), True)}
WIDTHS = (64, 128, 256, 512)


def draw(depth: int, seed: int = 0) -> Weights:
    """Weights of ResNet-`depth` (18 or 50), float32."""
    blocks, bottleneck = DEPTHS[depth]
    d = Drawing(seed)
    d.conv("conv1", 64, 3, 7, 7)
    d.batch_norm("bn1", 64, spread=2.0)
    into = 64
    for stage, (count, width) in enumerate(zip(blocks, WIDTHS), start=1):
        out = width * 4 if bottleneck else width
        for block in range(count):
            name = f"layer{stage}.{block}"
            if bottleneck:
                shapes = [(width, into, 1), (width, width, 3), (out, width, 1)]
            else:
                shapes = [(width, into, 3), (width, width, 3)]
            for index, (o, i, k) in enumerate(shapes, start=1):
                last = index == len(shapes)
                d.conv(f"{name}.conv{index}", o, i, k, k)
                # The branch is damped, so that the sum does not grow from block to block.
                d.batch_norm(f"{name}.bn{index}", o, scale=0.4 if last else 1.0, spread=1.0)
            if block == 0 and (into != out or stage > 1):
                d.conv(f"{name}.downsample.0", out, into, 1, 1, gain=LINEAR)
                d.batch_norm(f"{name}.downsample.1", out)
            into = out
    d.linear("fc", 1000, into, gain=4.0)
    return d.weights
