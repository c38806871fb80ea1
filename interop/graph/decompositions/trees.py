"""ai.onnx.ml: ensembles of trees, walked by all rows and trees at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from interop.graph.decompositions.builder import Builder, Operator
from interop.graph.decompositions.learned import transformed
from interop.source.values import Refusal

_MODES = {
    "BRANCH_LEQ": "LessOrEqual", "BRANCH_LT": "Less", "BRANCH_GTE": "GreaterOrEqual",
    "BRANCH_GT": "Greater", "BRANCH_EQ": "Equal",
}  # fmt: skip


@dataclass(frozen=True)
class _Trees:
    """All nodes of all trees, numbered in one row; a leaf's branches lead to itself."""

    numbers: dict[tuple[int, int], int]  # (tree, node) → row
    roots: np.ndarray  # int64 [trees]
    features: np.ndarray  # int64 [nodes]
    values: np.ndarray  # float32 [nodes]
    yes: np.ndarray  # int64 [nodes]
    no: np.ndarray
    comparison: str
    depth: int


def tree_regressor(op: Builder, node: Operator) -> ir.Value:
    """x [N, features] to [N, targets]."""
    targets = node.attribute("n_targets")
    aggregate = node.attribute("aggregate_function", "SUM")
    if aggregate not in ("SUM", "AVERAGE"):
        raise Refusal(f"trees aggregated by {aggregate}")
    trees = _read(node)
    weights = _weights(node, trees, "target", targets)
    total = op.ReduceSum(op.Gather(weights, _leaves(op, node[0], trees), axis=0), [1], keepdims=0)
    if aggregate == "AVERAGE":
        total = op.Div(total, float(len(trees.roots)))
    base = node.attribute("base_values")
    if base:
        total = op.Add(total, np.array(base, np.float32))
    return transformed(op, total, node.attribute("post_transform", "NONE"))


def tree_classifier(op: Builder, node: Operator) -> tuple[ir.Value, ir.Value]:
    """x [N, features]: the label of each row, and its scores [N, classes]."""
    classes = node.attribute("classlabels_int64s")
    if not classes:
        raise Refusal("text as labels")
    if len(set(node.attribute("class_ids"))) == 1:
        raise Refusal("one score for two classes")
    trees = _read(node)
    weights = _weights(node, trees, "class", len(classes))
    total = op.ReduceSum(op.Gather(weights, _leaves(op, node[0], trees), axis=0), [1], keepdims=0)
    base = node.attribute("base_values")
    if base:
        total = op.Add(total, np.array(base, np.float32))
    labels = op.Gather(op.constant(classes, np.int64), op.ArgMax(total, axis=1, keepdims=0), axis=0)
    return labels, transformed(op, total, node.attribute("post_transform", "NONE"))


def _leaves(op: Builder, x: ir.Value, trees: _Trees) -> Any:
    """Where each row ends in each tree: int64 [N, trees]."""
    x = op.cast(x, np.float32)
    zeros = op.Mul(op.range(op.size(x, 0)), 0)
    at = op.Add(op.Unsqueeze(zeros, [1]), trees.roots.reshape(1, -1))
    for _ in range(trees.depth):
        value = op.GatherElements(x, op.Gather(trees.features, at, axis=0), axis=1)
        taken = getattr(op, trees.comparison)(value, op.Gather(trees.values, at, axis=0))
        at = op.Where(taken, op.Gather(trees.yes, at, axis=0), op.Gather(trees.no, at, axis=0))
    return at


def _read(node: Operator) -> _Trees:
    if any(node.attribute("nodes_missing_value_tracks_true") or []):
        raise Refusal("missing values that take the branch of true")
    if any(
        node.attribute(f"{name}_as_tensor") is not None for name in ("nodes_values", "base_values")
    ):
        raise Refusal("trees of float64")
    modes = node.attribute("nodes_modes")
    inner = sorted(set(modes) - {"LEAF"})
    if len(inner) > 1 or any(mode not in _MODES for mode in inner):
        raise Refusal(f"nodes that compare by {', '.join(inner)}")
    ids = list(zip(node.attribute("nodes_treeids"), node.attribute("nodes_nodeids"), strict=True))
    numbers = {key: row for row, key in enumerate(ids)}
    branches = []
    for name in ("nodes_truenodeids", "nodes_falsenodeids"):
        branches.append(np.array([
            row if mode == "LEAF" else numbers[tree, other]
            for row, ((tree, _), other, mode) in enumerate(
                zip(ids, node.attribute(name), modes, strict=True)
            )
        ], np.int64))  # fmt: skip
    first: dict[int, int] = {}
    for row, (tree, _) in enumerate(ids):
        first.setdefault(tree, row)
    return _Trees(
        numbers,
        np.array(list(first.values()), np.int64),
        np.array(node.attribute("nodes_featureids"), np.int64),
        np.array(node.attribute("nodes_values"), np.float32),
        branches[0],
        branches[1],
        comparison=_MODES[inner[0]] if inner else "LessOrEqual",
        depth=depth_of(np.array(list(first.values())), branches[0], branches[1]),
    )


def depth_of(level: np.ndarray, yes: np.ndarray, no: np.ndarray) -> int:
    """How many steps lead from the roots to the farthest leaf."""
    depth = 0
    while np.any(moves := (yes[level] != level)):
        if depth == len(yes):
            raise Refusal("trees with a circle")
        level = np.unique(np.concatenate([yes[level[moves]], no[level[moves]]]))
        depth += 1
    return depth


def _weights(node: Operator, trees: _Trees, kind: str, columns: int) -> np.ndarray:
    """What each leaf adds to each result: float32 [nodes, columns]."""
    if node.attribute(f"{kind}_weights_as_tensor") is not None:
        raise Refusal("trees of float64")
    table = np.zeros((len(trees.features), columns), np.float32)
    names = (f"{kind}_treeids", f"{kind}_nodeids", f"{kind}_ids", f"{kind}_weights")
    for tree, place, column, weight in zip(*(node.attribute(n) for n in names), strict=True):
        table[trees.numbers[tree, place], column] += weight
    return table
