"""Fourier transforms, filters and n-grams."""

from __future__ import annotations

import onnx_ir as ir
from interop.converters.jax.lowerings.common import dtype, integer

from interop.source.expression import Expression, Symbol
from interop.source.values import Refusal, Value


def dft(
    x: Value, length: Value | None = None, axis: Value | None = None, *, inverse: int = 0,
    onesided: int = 0,
) -> Expression:  # fmt: skip
    along = -2 if axis is None else integer(axis)
    count = None if length is None else integer(length)
    return Symbol("dft")(x, count, along, bool(inverse), bool(onesided))


def stft(
    signal: Value, step: Value, window: Value | None = None, length: Value | None = None, *,
    onesided: int = 1,
) -> Expression:  # fmt: skip
    count = None if length is None else integer(length)
    return Symbol("stft")(signal, integer(step), window, count, bool(onesided))


def mel_weight_matrix(
    bins: Value, length: Value, rate: Value, low: Value, high: Value, *, output_datatype: int = 1
) -> Expression:
    name = ir.DataType(output_datatype).numpy().name
    return Symbol("mel_weight_matrix")(bins, length, rate, low, high, dtype(name))


def tf_idf_vectorizer(
    x: Value, *, max_gram_length: int, max_skip_count: int, min_gram_length: int, mode: str,
    ngram_counts: list[int], ngram_indexes: list[int], pool_int64s: list[int] | None = None,
    pool_strings: list[str] | None = None, weights: list[float] | None = None,
) -> Expression:  # fmt: skip
    if pool_int64s is None:
        raise Refusal("JAX has no text")
    grams: list[list[int]] = []
    ends = [*ngram_counts[1:], len(pool_int64s)]
    for length, (start, end) in enumerate(zip(ngram_counts, ends, strict=True), 1):
        grams += [list(pool_int64s[i : i + length]) for i in range(start, end, length)]
    return Symbol("tf_idf")(
        x, grams, ngram_indexes, max_skip_count, min_gram_length, max_gram_length, weights, mode
    )
