"""Order rather than size: does a candidate rank as the reference does, along the last axis?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from interop.parity.floor.groups import Array

#: Elements that ranks are taken of; a larger output gives rows at equal distances.
MOST = 1 << 20


@dataclass(frozen=True)
class TopK:
    """`share` of the rows whose k largest are right, and the same with each row weighted by its
    margin: how far the k-th largest is above the next. 1 for rows that rounding leaves undecided."""

    share: float
    weighted: float


def top_k(reference: Array, candidate: Array, k: int, tie: float) -> TopK | None:
    """None where a row (last axis) has no more than `k` elements, or no row is finite.

    A row is right where each of the candidate's k largest is, in the reference, no more than
    `tie` below the k-th largest: two that differ by no more than rounding may change places.
    """
    if reference.ndim == 0 or reference.shape[-1] <= k or reference.size == 0:
        return None
    true, given = rows(reference), rows(candidate)
    finite = np.isfinite(true).all(axis=1) & np.isfinite(given).all(axis=1)
    true, given = true[finite], given[finite]
    if true.size == 0:
        return None
    chosen = np.argpartition(given, -k, axis=1)[:, -k:]
    ordered = np.partition(true, (-k - 1, -k), axis=1)
    last, following = ordered[:, -k], ordered[:, -k - 1]
    lowest = np.take_along_axis(true, chosen, axis=1).min(axis=1)
    right = lowest >= last - tie
    margin = np.where(last - following > tie, last - following, 0.0)
    total = float(margin.sum())
    weighted = float((margin * right).sum()) / total if total > 0 else 1.0
    return TopK(float(np.mean(right)), weighted)


def spearman(reference: Array, candidate: Array) -> float | None:
    """Mean over the rows (last axis) of Spearman's rank correlation; equal values share a rank.

    None where rows have fewer than three elements, or none has two different values. A row that
    is constant on one side only counts 0.
    """
    if reference.ndim == 0 or reference.shape[-1] < 3 or reference.size == 0:
        return None
    true, given = _ranks(rows(reference)), _ranks(rows(candidate))
    true, given = (r - r.mean(axis=1, keepdims=True) for r in (true, given))
    sizes = np.sqrt((true**2).sum(axis=1) * (given**2).sum(axis=1))
    either = (true != 0).any(axis=1) | (given != 0).any(axis=1)
    if not either.any():
        return None
    products = (true * given).sum(axis=1)[either]
    return float(np.mean(np.where(sizes[either] > 0, products / np.maximum(sizes[either], 1), 0)))


def rows(array: Array) -> Array:
    """(rows, last axis) in float64, of no more than MOST elements (but of one row at least)."""
    flat = array.reshape(-1, array.shape[-1])
    step = -(-flat.size // MOST)
    return flat[::step].astype(np.float64)


def _ranks(values: Array) -> Array:
    """Ranks within each row, the mean rank for those that are equal."""
    order = np.argsort(values, axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    first = np.ones(values.shape, dtype=bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    group = np.cumsum(first) - 1  # of equal neighbours, over all the rows
    place = np.broadcast_to(np.arange(values.shape[1]), values.shape).ravel()
    mean = np.bincount(group, weights=place) / np.bincount(group)
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, mean[group].reshape(values.shape), axis=1)
    return ranks
