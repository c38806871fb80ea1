"""Random numbers: TensorFlow's own generator, from the node's seed where it has one."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir
from interop.converters.tensorflow.lowerings.common import dtype, tf

from interop.source.expression import Expression
from interop.source.values import Value


def _name(number: int | None, like: Value | None = None) -> str:
    if number is None:
        return "float32" if like is None else like.known_dtype
    return str(ir.DataType(number).numpy().name)


def _seed(seed: float | None) -> dict[str, Any]:
    return {} if seed is None else {"seed": int(seed)}


def uniform(
    *, shape: list[int], dtype: int = 1, high: float = 1.0, low: float = 0.0,
    seed: float | None = None,
) -> Expression:  # fmt: skip
    return _drawn(tf.random.uniform, shape, _name(dtype), low, high, seed)


def uniform_like(
    x: Value, *, dtype: int | None = None, high: float = 1.0, low: float = 0.0,
    seed: float | None = None,
) -> Expression:  # fmt: skip
    return _drawn(tf.random.uniform, tf.shape(x), _name(dtype, x), low, high, seed)


def normal(
    *, shape: list[int], dtype: int = 1, mean: float = 0.0, scale: float = 1.0,
    seed: float | None = None,
) -> Expression:  # fmt: skip
    return _drawn(tf.random.normal, shape, _name(dtype), mean, scale, seed)


def normal_like(
    x: Value, *, dtype: int | None = None, mean: float = 0.0, scale: float = 1.0,
    seed: float | None = None,
) -> Expression:  # fmt: skip
    return _drawn(tf.random.normal, tf.shape(x), _name(dtype, x), mean, scale, seed)


def _drawn(
    draw: Any, shape: Any, name: str, first: float, second: float, seed: float | None
) -> Expression:
    return draw(shape, first, second, dtype=dtype(name), **_seed(seed))  # type: ignore[no-any-return]


def multinomial(
    x: Value, *, dtype: int = 6, sample_size: int = 1, seed: float | None = None
) -> Expression:
    """From logarithms of probabilities [batch, classes]."""
    name = _name(dtype)
    return tf.random.categorical(x, sample_size, dtype=_of(name), **_seed(seed))


def bernoulli(x: Value, *, dtype: int | None = None, seed: float | None = None) -> Expression:
    drawn = tf.random.uniform(tf.shape(x), dtype=_of(x.known_dtype), **_seed(seed))
    return tf.cast(drawn < x, _of(_name(dtype, x)))


_of = dtype  # the attributes of that name hide it
