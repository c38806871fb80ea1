"""Operators that pick and place by index. ONNX and JAX count negative indices from the end."""

from __future__ import annotations

from typing import Any

from interop.converters.jax.lowerings.common import jnp, sizes

from interop.source.expression import Expression, Symbol
from interop.source.values import Constant, Value


def gather(x: Value, indices: Value, *, axis: int = 0) -> Expression:
    place: Any = indices
    if indices.constant is not None and indices.constant.ndim == 0:
        place = int(indices.constant)
    if axis < 0 or x.shape is not None:
        axis = axis % x.known_rank
    # A small constant is NumPy's, which a traced index cannot pick from.
    source: Expression = jnp.asarray(x) if isinstance(x, Constant) and x.constant.size <= 16 else x
    return source[(*[slice(None)] * axis, place)] if axis else source[place]


def gather_elements(x: Value, indices: Value, *, axis: int = 0) -> Expression:
    if _same_but(x, indices, axis):
        return jnp.take_along_axis(x, indices, axis=axis)
    return Symbol("gather_elements")(x, indices, axis)


def _same_but(x: Value, indices: Value, axis: int) -> bool:
    """Whether both have the same known sizes along all other axes."""
    if x.shape is None or indices.shape is None or not x.shape:
        return False
    pairs = list(zip(x.shape, indices.shape, strict=True))
    del pairs[axis % len(pairs)]
    return all(a is not None and a == b for a, b in pairs)


def gather_nd(x: Value, indices: Value, *, batch_dims: int = 0) -> Expression:
    return Symbol("gather_nd")(x, indices, batch_dims)


_UPDATES = {"none": "set", "add": "add", "mul": "multiply", "max": "max", "min": "min"}

#: For truth values, sums and products are the larger and the smaller of two.
_OF_TRUTHS = {**_UPDATES, "add": "max", "mul": "min"}


def _update(x: Value, reduction: str) -> str:
    return (_OF_TRUTHS if x.dtype == "bool" else _UPDATES)[reduction]


def scatter_elements(
    x: Value, indices: Value, updates: Value, *, axis: int = 0, reduction: str = "none"
) -> Expression:
    return Symbol("scatter_elements")(x, indices, updates, axis, _update(x, reduction))


def scatter_nd(x: Value, indices: Value, updates: Value, *, reduction: str = "none") -> Expression:
    return Symbol("scatter_nd")(x, indices, updates, _update(x, reduction))


def one_hot(indices: Value, depth: Value, values: Value, *, axis: int = -1) -> Expression:
    count: Any = Symbol("int")(depth)
    if depth.constant is not None:
        count = int(depth.constant.reshape(-1)[0])
    elif depth.elements is not None:
        count = depth.elements[0]
    return Symbol("one_hot")(indices, count, values, axis)


def compress(x: Value, condition: Value, *, axis: int | None = None) -> Expression:
    return jnp.compress(condition, x) if axis is None else jnp.compress(condition, x, axis=axis)


def non_zero(x: Value) -> Expression:
    return jnp.stack(jnp.nonzero(x)).method("astype", Symbol("jnp.int64"))


def reverse_sequence(
    x: Value, lengths: Value, *, batch_axis: int = 1, time_axis: int = 0
) -> Expression:
    return Symbol("reverse_sequence")(x, lengths, batch_axis, time_axis)


def col2im(
    x: Value, image: Value, block: Value, *, dilations: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    rank = len(image.elements) if image.elements is not None else image.dim(0) or 2
    return Symbol("col2im")(
        x, sizes(image), sizes(block), strides or [1] * rank, pads or [0] * (2 * rank),
        dilations or [1] * rank,
    )  # fmt: skip
