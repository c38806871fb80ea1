"""A transformer block in Keras: Dense and LayerNormalization layers, keras.ops between them."""

from __future__ import annotations

from typing import Any

from interop.models.loading import KerasWeights
from keras import layers, ops


def dense(w: KerasWeights, name: str, x: Any, units: int) -> Any:
    layer = layers.Dense(units)
    y = layer(x)
    w.dense(layer, name)
    return y


def norm(w: KerasWeights, name: str, x: Any, epsilon: float) -> Any:
    layer = layers.LayerNormalization(epsilon=epsilon)
    y = layer(x)
    w.layer_norm(layer, name)
    return y


def block(
    w: KerasWeights, name: str, x: Any, width: int, heads: int, *, pre: bool, approximate: bool,
    epsilon: float, bias: Any = None,
) -> Any:  # fmt: skip
    """`bias` is added to the attention scores (a mask)."""

    def attend(x: Any) -> Any:
        def split(y: Any) -> Any:
            return ops.transpose(layers.Reshape((-1, heads, width // heads))(y), (0, 2, 1, 3))

        parts = ("query", "key", "value")
        q, k, v = (split(dense(w, f"{name}.{part}", x, width)) for part in parts)
        scores = ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))) / (width // heads) ** 0.5
        if bias is not None:
            scores = scores + bias
        y = ops.transpose(ops.matmul(ops.softmax(scores, axis=-1), v), (0, 2, 1, 3))
        return dense(w, f"{name}.proj", layers.Reshape((-1, width))(y), width)

    def feed(x: Any) -> Any:
        inner = ops.gelu(dense(w, f"{name}.fc1", x, 4 * width), approximate=approximate)
        return dense(w, f"{name}.fc2", inner, width)

    if pre:
        x = x + attend(norm(w, f"{name}.norm1", x, epsilon))
        return x + feed(norm(w, f"{name}.norm2", x, epsilon))
    x = norm(w, f"{name}.norm1", x + attend(x), epsilon)
    return norm(w, f"{name}.norm2", x + feed(x), epsilon)
