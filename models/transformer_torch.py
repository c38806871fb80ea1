"""A transformer block in PyTorch, as people write it."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """Attention and perceptron, each a residual branch; norms before (`pre`) or after them."""

    def __init__(
        self, width: int, heads: int, *, pre: bool, approximate: str, epsilon: float
    ) -> None:
        super().__init__()
        self.heads, self.pre, self.approximate = heads, pre, approximate
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.proj = nn.Linear(width, width)
        self.norm1 = nn.LayerNorm(width, epsilon)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norm2 = nn.LayerNorm(width, epsilon)

    def attend(
        self, x: torch.Tensor, mask: torch.Tensor | None = None, causal: bool = False
    ) -> torch.Tensor:
        def split(y: torch.Tensor) -> torch.Tensor:
            return y.unflatten(-1, (self.heads, -1)).transpose(1, 2)

        q, k, v = split(self.query(x)), split(self.key(x)), split(self.value(x))
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
        return self.proj(y.transpose(1, 2).flatten(2))

    def forward(
        self, x: torch.Tensor, mask: torch.Tensor | None = None, causal: bool = False
    ) -> torch.Tensor:
        if self.pre:
            x = x + self.attend(self.norm1(x), mask, causal)
            return x + self.feed(self.norm2(x))
        x = self.norm1(x + self.attend(x, mask, causal))
        return self.norm2(x + self.feed(x))

    def feed(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(functional.gelu(self.fc1(x), approximate=self.approximate))
