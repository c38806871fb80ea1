"""Products of matrices."""

from __future__ import annotations

import math
from typing import Any

from interop.converters.torch.lowerings.common import FLOATS, F, torch

from interop.source.expression import Expression
from interop.source.printer import Node
from interop.source.values import Refusal, Value


def matmul(a: Value, b: Value) -> Expression:
    return a @ b


def gemm(
    a: Value, b: Value, c: Value | None = None, *, alpha: float = 1.0, beta: float = 1.0,
    transA: int = 0, transB: int = 0,
) -> Expression:  # fmt: skip
    left: Expression = a.method("t") if transA else a
    fits = c is None or (beta == 1.0 and c.shape == (b.dim(0 if transB else 1),))
    if alpha == 1.0 and fits and a.known_dtype in FLOATS:
        weight = b if transB else b.method("t")
        return F.linear(left, weight) if c is None else F.linear(left, weight, c)
    if a.known_dtype not in FLOATS:
        alpha, beta = int(alpha), int(beta)
    product = left @ (b.method("t") if transB else b)
    if alpha != 1:
        product = alpha * product
    if c is None:
        return product
    return product + (c if beta == 1 else beta * c)


def linear(x: Value, w: Value, b: Value | None = None, *, turned: int = 0) -> Expression:
    """x @ w + b, by converters/torch/fuse.py, for w [in, out], or `turned`: [out, in]."""
    weight: Expression = w if turned else w.method("t")
    return F.linear(x, weight) if b is None else F.linear(x, weight, b)


def scaled_attention(
    q: Value, k: Value, v: Value, mask: Value | None = None, *, scale: float
) -> Expression:
    """Attention that was spelled out, by converters/torch/fuse.py."""
    options: dict[str, Any] = {} if mask is None else {"attn_mask": mask}
    size = q.dim(3)
    if size is None or abs(scale * math.sqrt(size) - 1) > 1e-6:
        options["scale"] = scale
    return F.scaled_dot_product_attention(q, k, v, **options)


def attention(
    q: Value, k: Value, v: Value, mask: Value | None = None, past_key: Value | None = None,
    past_value: Value | None = None, lengths: Value | None = None, *, is_causal: int = 0,
    kv_num_heads: int = 0, q_num_heads: int = 0, qk_matmul_output_mode: int = 0,
    scale: float | None = None, softcap: float = 0.0, softmax_precision: int = 0, node: Node,
) -> Expression:  # fmt: skip
    """The plain variants; others become the standard's body."""
    plain = past_key is None and past_value is None and lengths is None and not softcap
    if not plain or any(node.used[1:]) or (is_causal and mask is not None):
        raise Refusal("a cache, a soft cap, or weights that are used")
    if q.known_rank != 4 or q.known_dtype not in ("float32", "float64"):
        raise Refusal("heads that are not apart, or half precision")
    if mask is not None and (mask.dtype == "bool" or mask.known_rank != 4):
        raise Refusal("a mask of another kind than torch's")
    if mask is not None and mask.dim(3) != k.dim(2):
        raise Refusal("a mask that is shorter than the keys")
    options: dict[str, Any] = {} if mask is None else {"attn_mask": mask}
    if is_causal:
        options["is_causal"] = True
    if scale is not None:
        options["scale"] = scale
    if q.dim(1) is None or q.dim(1) != k.dim(1):
        options["enable_gqa"] = True
    return F.scaled_dot_product_attention(q, k, v, **options)


def einsum(*inputs: Value, equation: str) -> Expression:
    return torch.einsum(equation.replace(" ", ""), *inputs)


def det(x: Value) -> Expression:
    return torch.linalg.det(x)
