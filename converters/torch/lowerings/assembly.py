"""DeformConv, Col2Im, TfIdfVectorizer and MelWeightMatrix, by helpers of their own."""

from __future__ import annotations

import onnx_ir as ir
from interop.converters.torch.lowerings.common import dtype, sizes

from interop.source.expression import Expression, Symbol
from interop.source.values import Refusal, Value


def col2im(
    x: Value, image: Value, block: Value, *, dilations: list[int] | None = None,
    pads: list[int] | None = None, strides: list[int] | None = None,
) -> Expression:  # fmt: skip
    rank = image.dim(0)
    if rank is None:
        raise Refusal("the rank of the image is not known")
    return Symbol("col2im")(
        x, sizes(image), sizes(block), strides or [1] * rank, pads or [0] * (2 * rank),
        dilations or [1] * rank,
    )  # fmt: skip


def tf_idf_vectorizer(
    x: Value, *, max_gram_length: int, max_skip_count: int, min_gram_length: int, mode: str,
    ngram_counts: list[int], ngram_indexes: list[int], pool_int64s: list[int] | None = None,
    pool_strings: list[str] | None = None, weights: list[float] | None = None,
) -> Expression:  # fmt: skip
    if pool_int64s is None:
        raise Refusal("torch has no text")
    grams: list[list[int]] = []
    ends = [*ngram_counts[1:], len(pool_int64s)]
    for length, (start, end) in enumerate(zip(ngram_counts, ends, strict=True), 1):
        grams += [list(pool_int64s[i : i + length]) for i in range(start, end, length)]
    return Symbol("tf_idf")(
        x, grams, ngram_indexes, max_skip_count, min_gram_length, max_gram_length, weights, mode
    )


def mel_weight_matrix(
    bins: Value, length: Value, rate: Value, low: Value, high: Value, *, output_datatype: int = 1
) -> Expression:
    name = ir.DataType(output_datatype).numpy().name
    return Symbol("mel_weight_matrix")(bins, length, rate, low, high, dtype(name))
