"""A transformer block in MXNet gluon."""

from __future__ import annotations

import math
from typing import Any

from mxnet.gluon import HybridBlock, nn


class Block(HybridBlock):
    """Attention and perceptron, each a residual branch; norms before (`pre`) or after them."""

    def __init__(
        self, width: int, heads: int, *, pre: bool, approximate: str, epsilon: float
    ) -> None:
        super().__init__()
        self.width, self.heads, self.pre, self.approximate = width, heads, pre, approximate

        def dense(out: int, into: int) -> nn.Dense:
            return nn.Dense(out, in_units=into, flatten=False)

        self.query, self.key, self.value = (dense(width, width) for _ in range(3))
        self.proj = dense(width, width)
        self.norm1 = nn.LayerNorm(epsilon=epsilon, in_channels=width)
        self.fc1, self.fc2 = dense(4 * width, width), dense(width, 4 * width)
        self.norm2 = nn.LayerNorm(epsilon=epsilon, in_channels=width)

    def attend(self, F: Any, x: Any, mask: Any) -> Any:
        each = self.width // self.heads

        def split(y: Any) -> Any:
            """[batch, tokens, width] → [batch, heads, tokens, each]"""
            return F.transpose(F.reshape(y, shape=(0, 0, self.heads, each)), axes=(0, 2, 1, 3))

        q, k, v = split(self.query(x)), split(self.key(x)), split(self.value(x))
        scores = F.linalg.gemm2(q, F.transpose(k, axes=(0, 1, 3, 2))) * (1 / math.sqrt(each))
        if mask is not None:
            scores = F.broadcast_add(scores, mask)
        y = F.transpose(F.linalg.gemm2(F.softmax(scores, axis=-1), v), axes=(0, 2, 1, 3))
        return self.proj(F.reshape(y, shape=(0, 0, self.width)))

    def hybrid_forward(self, F: Any, x: Any, mask: Any = None) -> Any:
        if self.pre:
            x = x + self.attend(F, self.norm1(x), mask)
            return x + self.feed(F, self.norm2(x))
        x = self.norm1(x + self.attend(F, x, mask))
        return self.norm2(x + self.feed(F, x))

    def feed(self, F: Any, x: Any) -> Any:
        y = self.fc1(x)
        if self.approximate == "tanh":
            inner = (y + 0.044715 * y * y * y) * math.sqrt(2 / math.pi)
            return self.fc2(0.5 * y * (1 + F.tanh(inner)))
        return self.fc2(F.LeakyReLU(y, act_type="gelu"))
