"""Products of matrices, as Dense layers where one of them is constant."""

from __future__ import annotations

from typing import Any

from interop.converters.keras.lowerings.common import array, layer, layer_name, layers, ops, raw

from interop.source.expression import Expression, Symbol
from interop.source.values import Constant, Value


def matmul(a: Value, b: Value) -> Expression:
    rank = len(a.shape or ())
    if isinstance(b, Constant) and b.constant.ndim == 2 and rank >= 2 and _dense(a):
        return layer("Dense", [raw(b)], [a], b.constant.shape[1], use_bias=False, named=b)
    return ops.matmul(a, b)


def dense(a: Value, w: Value, bias: Value) -> Expression:
    """A product and its bias, which the importer found to belong together."""
    assert w.shape is not None
    return layer("Dense", [raw(w), raw(bias)], [a], w.shape[1], named=bias)


def tied_embedding(table: Value, indices: Value) -> Expression:
    return Symbol("holding")(_reversible(table), [raw(table)], indices)


def tied_head(a: Value, table: Value) -> Expression:
    """Logits: the product with the transposed table of an embedding, by the layer that embeds."""
    return Symbol("holding")(_reversible(table), [raw(table)], a, reverse=True)


def _reversible(table: Value) -> Expression:
    made: Expression = layers.ReversibleEmbedding(*(table.shape or ()), name=layer_name(table.name))
    return made


def _dense(a: Value) -> bool:
    """Whether a layer can take it: float32, and as wide as is known."""
    return a.dtype == "float32" and a.constant is None and a.dim(-1) is not None


def gemm(
    a: Value, b: Value, c: Value | None = None, *, alpha: float = 1.0, beta: float = 1.0,
    transA: int = 0, transB: int = 0,
) -> Expression:  # fmt: skip
    biased = c is None or (isinstance(c, Constant) and c.constant.ndim == 1)
    if isinstance(b, Constant) and _dense(a) and biased and not transA and alpha == beta == 1.0:
        kernel = b.constant.T if transB else b.constant
        units = kernel.shape[1]
        if c is None or c.shape == (units,):
            weights = [array(b, kernel, "layer")] if transB else [raw(b)]
            options: dict[str, Any] = {"use_bias": False} if c is None else {}
            if c is not None:
                weights.append(raw(c))
            return layer("Dense", weights, [a], units, named=b, **options)
    left: Any = ops.transpose(a) if transA else a
    right: Any = ops.transpose(b) if transB else b
    product: Expression = ops.matmul(left, right)
    if alpha != 1.0:
        product = ops.multiply(product, alpha)
    if c is None:
        return product
    scaled: Any = c if beta == 1.0 else ops.multiply(c, beta)
    narrow = c.shape is None or (len(c.shape) > 1 and c.shape[-1] in (1, None))
    return Symbol("added")(product, scaled) if narrow else ops.add(product, scaled)


def matmul_integer(
    a: Value, b: Value, a_zero: Value | None = None, b_zero: Value | None = None
) -> Expression:
    left: Any = ops.cast(a, "int32")
    right: Any = ops.cast(b, "int32")
    if a_zero is not None:
        zero = ops.cast(a_zero, "int32")
        vector = len(a_zero.shape or ()) >= 1
        left = ops.subtract(left, ops.expand_dims(zero, -1) if vector else zero)
    if b_zero is not None:
        right = ops.subtract(right, ops.cast(b_zero, "int32"))
    return ops.matmul(left, right)


def einsum(*xs: Value, equation: str) -> Expression:
    return ops.einsum(equation.replace(" ", ""), *xs)


def det(x: Value) -> Expression:
    return ops.det(x)
