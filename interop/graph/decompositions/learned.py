"""ai.onnx.ml: scalers and linear models, as far as they hold numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from interop.graph.decompositions.builder import Builder, Operator, rank, static
from interop.source.values import Refusal


def scaler(op: Builder, node: Operator) -> ir.Value:
    offset, scale = _floats(node, "offset"), _floats(node, "scale")
    return op.Mul(op.Sub(op.cast(node[0], np.float32), offset), scale)  # type: ignore[no-any-return]


def normalizer(op: Builder, node: Operator) -> ir.Value:
    x = op.cast(node[0], np.float32)
    axes = [rank(node[0]) - 1]
    norm = node.attribute("norm", "MAX")
    if norm == "MAX":
        divisor = op.ReduceMax(x, axes, keepdims=1)
    elif norm == "L1":
        divisor = op.ReduceSum(op.Abs(x), axes, keepdims=1)
    else:
        divisor = op.Sqrt(op.ReduceSum(op.Mul(x, x), axes, keepdims=1))
    return op.Div(x, op.Where(op.Equal(divisor, 0.0), 1.0, divisor))  # type: ignore[no-any-return]


def binarizer(op: Builder, node: Operator) -> ir.Value:
    x = node[0]
    return op.CastLike(op.Greater(x, float(node.attribute("threshold", 0.0))), x)  # type: ignore[no-any-return]


def array_feature_extractor(op: Builder, node: Operator) -> ir.Value:
    """The columns of x [..., n] that are named; a vector counts as one row."""
    x = node[0]
    matrix = op.Unsqueeze(x, [0]) if rank(x) == 1 else x
    return op.Gather(matrix, op.reshape(node[1], -1), axis=-1)  # type: ignore[no-any-return]


def feature_vectorizer(op: Builder, node: Operator) -> ir.Value:
    """Features [N, n_i] side by side; each is cut to the width that it is said to have."""
    widths = node.attribute("inputdimensions")
    parts = []
    for x, width in zip((value for value in node.inputs if value is not None), widths, strict=True):
        part = op.reshape(x, -1, 1) if rank(x) == 1 else x
        if static(x, -1, "width") != width and rank(x) > 1:
            raise Refusal("a feature of another width than is said")
        parts.append(op.cast(part, np.float32))
    return op.Concat(*parts, axis=1) if len(parts) > 1 else parts[0]


def imputer(op: Builder, node: Operator) -> ir.Value:
    x = node[0]
    kind = ("imputed_value_floats", "replaced_value_float")
    if node.attribute(kind[0]) is None:
        kind = ("imputed_value_int64s", "replaced_value_int64")
    values = node.attribute(kind[0])
    replaced = node.attribute(kind[1], 0)
    assert x.dtype is not None
    filled = op.constant(values, x.dtype.numpy())
    missing = op.IsNaN(x) if np.isnan(replaced) else op.Equal(x, replaced)
    return op.Where(missing, filled, x)  # type: ignore[no-any-return]


#: Kind of the values → attribute, and its default, for what is no key.
_DEFAULTS = {
    "f": ("default_float", -0.0),
    "i": ("default_int64", -1),
    "O": ("default_string", "_Unused"),
}


def label_encoder(op: Builder, node: Operator) -> ir.Value:
    """Each entry is compared with every key."""
    keys, values, default = _mapping(node)
    x = node[0]
    hits = op.Equal(op.Unsqueeze(x, [-1]), keys)
    if keys.dtype.kind == "f" and np.isnan(keys).any():
        hits = op.Or(hits, op.And(op.Unsqueeze(op.IsNaN(x), [-1]), np.isnan(keys)))
    numbers = op.cast(hits, np.int32)
    found = op.cast(op.ReduceMax(numbers, [-1], keepdims=0), np.bool_)
    value = op.Gather(values, op.ArgMax(numbers, axis=-1, keepdims=0), axis=0)
    return op.Where(found, value, default)  # type: ignore[no-any-return]


def _mapping(node: Operator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sides: list[np.ndarray] = []
    for side in ("keys", "values"):
        tensor = node.attribute(f"{side}_tensor")
        floats, whole = node.attribute(f"{side}_floats"), node.attribute(f"{side}_int64s")
        texts = node.attribute(f"{side}_strings")
        if tensor is not None:
            sides.append(tensor)
        elif floats is not None:
            sides.append(np.array(floats, np.float32))
        elif whole is not None:
            sides.append(np.array(whole, np.int64))
        else:
            sides.append(np.array(texts, object))
    default: Any = node.attribute("default_tensor")
    if default is None:
        default = node.attribute(*_DEFAULTS[sides[1].dtype.kind])
    return sides[0], sides[1], np.asarray(default, sides[1].dtype).reshape(())


def linear_regressor(op: Builder, node: Operator) -> ir.Value:
    targets = node.attribute("targets", 1)
    scores = _linear(op, node, targets)
    return transformed(op, scores, node.attribute("post_transform", "NONE"))


def linear_classifier(op: Builder, node: Operator) -> tuple[ir.Value, ir.Value]:
    """The label of each row, and its scores."""
    classes = node.attribute("classlabels_ints")
    if not classes:
        raise Refusal("text as labels")
    rows = len(node.attribute("coefficients")) // static(node[0], -1, "width")
    scores = _linear(op, node, rows)
    transform = node.attribute("post_transform", "NONE")
    if rows == 1:
        raise Refusal("one score for two classes")
    labels = op.Gather(
        op.constant(classes, np.int64), op.ArgMax(scores, axis=1, keepdims=0), axis=0
    )
    return labels, transformed(op, scores, transform)


def _linear(op: Builder, node: Operator, rows: int) -> Any:
    weights = _floats(node, "coefficients").reshape(rows, -1).T
    scores = op.MatMul(op.cast(node[0], np.float32), np.ascontiguousarray(weights))
    intercepts = node.attribute("intercepts")
    return scores if not intercepts else op.Add(scores, _floats(node, "intercepts"))


def transformed(op: Builder, scores: ir.Value, name: str) -> ir.Value:
    if name == "NONE":
        return scores
    if name == "LOGISTIC":
        return op.Sigmoid(scores)  # type: ignore[no-any-return]
    if name == "SOFTMAX":
        return op.Softmax(scores, axis=-1)  # type: ignore[no-any-return]
    raise Refusal(f"the transform {name} of scores")


def _floats(node: Operator, name: str) -> np.ndarray:
    return np.array(node.attribute(name, []), np.float32)
