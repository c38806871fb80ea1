"""Products of matrices."""

from __future__ import annotations

from typing import Any

from interop.converters.tensorflow.lowerings.common import dtype, tf

from interop.source.expression import Expression
from interop.source.values import Value


def matmul(a: Value, b: Value) -> Expression:
    left, right = a.known_rank, b.known_rank
    if left == 1 and right == 1:
        return tf.tensordot(a, b, axes=1)
    if left == 1:
        return tf.squeeze(tf.matmul(tf.expand_dims(a, 0), b), axis=-2)
    if right == 1:
        return tf.linalg.matvec(a, b)
    return tf.matmul(a, b)


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
    return product + c


def _scale(x: Any, factor: float, origin: Value) -> Expression:
    if origin.known_dtype.startswith(("int", "uint")):
        scaled = tf.cast(x, tf.float64) * factor
        return tf.cast(scaled, dtype(origin.known_dtype))
    return x * factor


def matmul_integer(
    a: Value, b: Value, a_zero: Value | None = None, b_zero: Value | None = None
) -> Expression:
    left: Any = tf.cast(a, tf.int32)
    right: Any = tf.cast(b, tf.int32)
    if a_zero is not None:
        zero = tf.cast(a_zero, tf.int32)
        left = left - (tf.expand_dims(zero, -1) if len(a_zero.shape or ()) >= 1 else zero)
    if b_zero is not None:
        right = right - tf.cast(b_zero, tf.int32)
    return tf.matmul(left, right)


def einsum(*xs: Value, equation: str) -> Expression:
    return tf.einsum(equation.replace(" ", ""), *xs)


def det(x: Value) -> Expression:
    return tf.linalg.det(x)
