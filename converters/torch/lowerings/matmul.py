"""Products of matrices."""

from __future__ import annotations

from interop.converters.torch.lowerings.common import FLOATS, F, torch

from interop.source.expression import Expression
from interop.source.values import Constant, Value


def matmul(a: Value, b: Value) -> Expression:
    return a @ b


def gemm(
    a: Value, b: Value, c: Value | None = None, *, alpha: float = 1.0, beta: float = 1.0,
    transA: int = 0, transB: int = 0,
) -> Expression:  # fmt: skip
    left: Expression = a.method("t") if transA else a
    fits = c is None or (c.shape is not None and c.shape in ((b.dim(0 if transB else 1),),))
    if alpha == 1.0 and (c is None or beta == 1.0) and fits and a.known_dtype in FLOATS:
        if transB:
            return F.linear(left, b) if c is None else F.linear(left, b, c)
        if isinstance(b, Constant):
            weight = b.permuted([1, 0])
            return F.linear(left, weight) if c is None else F.linear(left, weight, c)
    right: Expression = b.method("t") if transB else b
    product = left @ right
    if a.known_dtype not in FLOATS:
        alpha, beta = int(alpha), int(beta)
    if alpha != 1:
        product = alpha * product
    if c is None:
        return product
    return product + (c if beta == 1 else beta * c)


def linear(x: Value, w: Value, b: Value | None = None) -> Expression:
    """interop.torch's own: x @ w + b, with w [in, out] constant."""
    weight = w.permuted([1, 0]) if isinstance(w, Constant) else w.method("t")
    return F.linear(x, weight) if b is None else F.linear(x, weight, b)


def einsum(*inputs: Value, equation: str) -> Expression:
    return torch.einsum(equation.replace(" ", ""), *inputs)


def det(x: Value) -> Expression:
    return torch.linalg.det(x)
