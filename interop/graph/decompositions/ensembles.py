"""ai.onnx.ml's TreeEnsemble, which since version 5 says in one operator what two said before."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from interop.graph.decompositions.builder import Builder, Operator
from interop.graph.decompositions.trees import depth_of
from interop.source.values import Refusal

_COMPARISONS = ("LessOrEqual", "Less", "GreaterOrEqual", "Greater", "Equal")
_NOT_EQUAL, _MEMBER = 5, 6
_AGGREGATES = ("ReduceMean", "ReduceSum", "ReduceMin", "ReduceMax")
_NONE, _SOFTMAX, _LOGISTIC = 0, 1, 2


def tree_ensemble(op: Builder, node: Operator) -> ir.Value:
    """x [N, features] to [N, targets], in the dtype of x."""
    x = node[0]
    count, targets = len(node.attribute("nodes_featureids")), node.attribute("n_targets")
    weights = node.attribute("leaf_weights")
    aggregate = _AGGREGATES[node.attribute("aggregate_function", 1)]
    if targets > 1 and aggregate != "ReduceSum":
        raise Refusal("several targets that are not summed")
    table = np.zeros((count + len(weights), targets), weights.dtype)
    table[np.arange(count, len(table)), node.attribute("leaf_targetids")] = weights
    reached = op.Gather(table, _leaves(op, node, x, count, len(weights)), axis=0)
    scores = getattr(op, aggregate)(reached, [1], keepdims=0)
    transform = node.attribute("post_transform", _NONE)
    if transform not in (_NONE, _SOFTMAX, _LOGISTIC):
        raise Refusal(f"transform {transform} of scores")
    if transform == _NONE:
        return scores  # type: ignore[no-any-return]
    return op.Sigmoid(scores) if transform == _LOGISTIC else op.Softmax(scores, axis=-1)  # type: ignore[no-any-return]


def _leaves(op: Builder, node: Operator, x: ir.Value, count: int, leaves: int) -> Any:
    """Where each row ends in each tree: int64 [N, trees]. Leaves are numbered behind the nodes."""
    if any(node.attribute("nodes_missing_value_tracks_true") or []):
        raise Refusal("missing values that take the branch of true")
    stay = np.arange(count, count + leaves)
    yes, no = (
        np.concatenate([_targets(node, side, count), stay]).astype(np.int64)
        for side in ("true", "false")
    )
    roots = np.array(node.attribute("tree_roots"), np.int64)
    features = np.pad(np.array(node.attribute("nodes_featureids"), np.int64), (0, leaves))
    at = op.Add(op.Unsqueeze(op.Mul(op.range(op.size(x, 0)), 0), [1]), roots.reshape(1, -1))
    for _ in range(depth_of(roots, yes, no)):
        value = op.GatherElements(x, op.Gather(features, at, axis=0), axis=1)
        taken = _taken(op, node, value, at, leaves)
        at = op.Where(taken, op.Gather(yes, at, axis=0), op.Gather(no, at, axis=0))
    return at


def _targets(node: Operator, side: str, count: int) -> np.ndarray:
    """Where that branch of each node leads."""
    is_leaf = np.array(node.attribute(f"nodes_{side}leafs"), bool)
    return np.array(node.attribute(f"nodes_{side}nodeids"), np.int64) + count * is_leaf


def _taken(op: Builder, node: Operator, value: ir.Value, at: ir.Value, leaves: int) -> Any:
    """Whether each row takes the branch of true at each of its nodes, each by its own comparison."""
    modes = np.pad(np.asarray(node.attribute("nodes_modes")), (0, leaves))
    splits = np.pad(node.attribute("nodes_splits"), (0, leaves))
    taken: Any = None
    for mode in np.unique(modes):
        if mode == _MEMBER:
            sets = op.Gather(_members(node, modes, splits.dtype), at, axis=0)
            equal = op.cast(op.Equal(op.Unsqueeze(value, [-1]), sets), np.int32)
            answer = op.cast(op.ReduceMax(equal, [-1], keepdims=0), np.bool_)
        elif mode == _NOT_EQUAL:
            answer = op.Not(op.Equal(value, op.Gather(splits, at, axis=0)))
        else:
            answer = getattr(op, _COMPARISONS[mode])(value, op.Gather(splits, at, axis=0))
        if len(np.unique(modes)) > 1:
            answer = op.And(answer, op.Gather(modes == mode, at, axis=0))
        taken = answer if taken is None else op.Or(taken, answer)
    return taken


def _members(node: Operator, modes: np.ndarray, dtype: Any) -> np.ndarray:
    """The set of each node as a row, filled up with NaN: [nodes, widest]. NaN ends each set."""
    values = node.attribute("membership_values")
    ends = np.flatnonzero(np.isnan(values))
    sets = [values[a:b] for a, b in zip([0, *(ends[:-1] + 1)], ends, strict=True)]
    table = np.full((len(modes), max(map(len, sets), default=1)), np.nan, dtype)
    for row, entries in zip(np.flatnonzero(modes == _MEMBER), sets, strict=True):
        table[row, : len(entries)] = entries
    return table
