"""Products of matrices."""

from __future__ import annotations

from interop.converters.jax.lowerings.common import FLOATS, jnp

from interop.source.expression import Expression
from interop.source.values import Value


def matmul(a: Value, b: Value) -> Expression:
    return a @ b


def gemm(
    a: Value, b: Value, c: Value | None = None, *, alpha: float = 1.0, beta: float = 1.0,
    transA: int = 0, transB: int = 0,
) -> Expression:  # fmt: skip
    if a.known_dtype not in FLOATS:
        alpha, beta = int(alpha), int(beta)
    left = a.method("transpose") if transA else a
    product = left @ (b.method("transpose") if transB else b)
    if alpha != 1:
        product = alpha * product
    if c is None:
        return product
    return product + (c if beta == 1 else beta * c)


def einsum(*inputs: Value, equation: str) -> Expression:
    return jnp.einsum(equation.replace(" ", ""), *inputs)


def det(x: Value) -> Expression:
    return jnp.linalg.det(x)
