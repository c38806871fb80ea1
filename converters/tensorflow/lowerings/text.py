"""Text."""

from __future__ import annotations

from typing import Any

from interop.converters.tensorflow.lowerings.common import tf

from interop.source.expression import Expression, Symbol
from interop.source.values import Refusal, Unpack, Value


def tfidf_vectorizer(
    x: Value, *, max_gram_length: int, max_skip_count: int, min_gram_length: int, mode: str,
    ngram_counts: list[int], ngram_indexes: list[int], pool_int64s: list[int] | None = None,
    pool_strings: list[str] | None = None, weights: list[float] | None = None,
) -> Expression:  # fmt: skip
    if pool_int64s is None:
        raise Refusal("n-grams of strings are not covered")
    pools: list[Any] = []
    ends = [*ngram_counts[1:], len(pool_int64s)]
    first = 0
    for length, (start, end) in enumerate(zip(ngram_counts, ends, strict=True), start=1):
        grams = [pool_int64s[i : i + length] for i in range(start, end, length)]
        columns = ngram_indexes[first : first + len(grams)]
        first += len(grams)
        if grams and min_gram_length <= length <= max_gram_length:
            pools.append((grams, columns))
    return Symbol("count_ngrams")(
        x, pools, max_skip_count, max(ngram_indexes) + 1, weights or None, mode
    )


def string_split(x: Value, *, delimiter: str = "", maxsplit: int = -1) -> Unpack:
    return Unpack(Symbol("split_text")(x, delimiter, maxsplit), 2)


def string_normalizer(
    x: Value, *, case_change_action: str = "NONE", is_case_sensitive: int = 0, locale: str = "",
    stopwords: list[str] | None = None,
) -> Expression:  # fmt: skip
    change = {"NONE": None, "LOWER": tf.strings.lower, "UPPER": tf.strings.upper}
    return Symbol("normalized_text")(
        x, stopwords or [], bool(is_case_sensitive), change[case_change_action]
    )


def regex_full_match(x: Value, *, pattern: str) -> Expression:
    return tf.strings.regex_full_match(x, pattern)
