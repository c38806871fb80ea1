"""Products of matrices. MXNet's CPU kernels know float32 and float64."""

from __future__ import annotations

from interop.converters.mxnet.lowerings.common import FLOATS, mnp, to

from interop.source.expression import Expression
from interop.source.values import Refusal, Value


def matmul(a: Value, b: Value) -> Expression:
    return _product(a, b, a.known_dtype, a.known_rank, b.known_rank)


def _product(a: Expression, b: Expression, name: str, rank_a: int, rank_b: int) -> Expression:
    if name == "float16":
        return to(mnp.matmul(to(a, "float32"), to(b, "float32")), name)
    if name in FLOATS:
        return mnp.matmul(a, b)
    if rank_a < 2 or rank_b < 2:
        raise Refusal("MXNet has no product of integer vectors")
    # Exact, at the cost of holding every single product.
    return mnp.sum(mnp.expand_dims(a, -1) * mnp.expand_dims(b, -3), axis=-2, dtype=name)


def gemm(
    a: Value, b: Value, c: Value | None = None, *, alpha: float = 1.0, beta: float = 1.0,
    transA: int = 0, transB: int = 0,
) -> Expression:  # fmt: skip
    if a.known_dtype not in FLOATS:
        alpha, beta = int(alpha), int(beta)
    left: Expression = mnp.transpose(a) if transA else a
    right: Expression = mnp.transpose(b) if transB else b
    product = _product(left, right, a.known_dtype, 2, 2)
    if alpha != 1:
        product = alpha * product
    if c is None:
        return product
    return product + (c if beta == 1 else beta * c)


def einsum(*inputs: Value, equation: str) -> Expression:
    if inputs[0].known_dtype == "float16":
        wide = mnp.einsum(equation.replace(" ", ""), *[to(x, "float32") for x in inputs])
        return to(wide, "float16")
    return mnp.einsum(equation.replace(" ", ""), *inputs)


def det(x: Value) -> Expression:
    return mnp.linalg.det(x)
