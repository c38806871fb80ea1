"""Products of matrices."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from interop.converters.tensorflow.lowerings.common import dtype, tf

from interop.source.expression import Expression, Symbol
from interop.source.values import Value

#: Integers for which TensorFlow has no product; modulo their width it is that of int64.
_WIDENED = frozenset({"int8", "int16", "uint8", "uint16", "uint32", "uint64"})


def widened(lowering: Callable[..., Expression]) -> Callable[..., Expression]:
    """The lowering of a product, by way of int64 where TensorFlow has no kernel of the dtype."""

    @wraps(lowering)
    def wide(*xs: Value | None, **attributes: Any) -> Expression:
        first = xs[0]
        if first is None or first.dtype not in _WIDENED:
            return lowering(*xs, **attributes)
        parts = [None if x is None else _as_int64(x) for x in xs]
        return tf.cast(lowering(*parts, **attributes), dtype(first.dtype))

    return wide


def _as_int64(x: Value) -> Value:
    return Value(x.name, "int64", x.shape, lambda: tf.cast(x, tf.int64).text)


@widened
def matmul(a: Value, b: Value) -> Expression:
    if a.shape is None or b.shape is None:
        return Symbol("matmul")(a, b)
    left, right = a.known_rank, b.known_rank
    if left == 1 and right == 1:
        return tf.tensordot(a, b, axes=1)
    if left == 1:
        return tf.squeeze(tf.matmul(tf.expand_dims(a, 0), b), axis=-2)
    if right == 1:
        return tf.linalg.matvec(a, b)
    return tf.matmul(a, b)


@widened
def gemm(
    a: Value, b: Value, c: Value | None = None, *, alpha: float = 1.0, beta: float = 1.0,
    transA: int = 0, transB: int = 0,
) -> Expression:  # fmt: skip
    flags = {}
    if transA:
        flags["transpose_a"] = True
    if transB:
        flags["transpose_b"] = True
    product: Any = tf.matmul(a, b, **flags)
    if alpha != 1.0:
        product = _scale(product, alpha, a)
    if c is None:
        return product
    if beta != 1.0:
        return product + _scale(c, beta, c)
    if c.shape is not None and len(c.shape) == 1 and c.shape[0] == b.dim(0 if transB else -1):
        return tf.nn.bias_add(product, c)
    if c.shape is not None and len(c.shape) == 2 and c.shape[0] == 1 and c.shape[1] != 1:
        # TensorFlow takes such a sum for a bias, and then fails over a transposed product.
        return product + tf.squeeze(c, axis=0)
    return product + c


def _scale(x: Any, factor: float, origin: Value) -> Expression:
    if origin.known_dtype.startswith(("int", "uint")):
        scaled = tf.cast(x, tf.float64) * factor
        return tf.cast(scaled, dtype(origin.known_dtype))
    return x * factor


@widened
def einsum(*xs: Value, equation: str) -> Expression:
    return tf.einsum(equation.replace(" ", ""), *xs)


def det(x: Value) -> Expression:
    if x.dtype in ("float16", "bfloat16"):  # for which TensorFlow has no kernel
        return tf.cast(tf.linalg.det(tf.cast(x, tf.float32)), dtype(x.known_dtype))
    return tf.linalg.det(x)
