"""com.microsoft: products, convolutions and normalisations that ONNX Runtime fused with others."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from interop.graph.decompositions.builder import Builder, Operator, rank
from interop.source.values import Refusal

_CONV = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")


def gelu(op: Builder, node: Operator) -> ir.Value:
    return op.Gelu(node[0])  # type: ignore[no-any-return]


def bias_gelu(op: Builder, node: Operator) -> ir.Value:
    return op.Gelu(op.Add(node[0], node[1]))  # type: ignore[no-any-return]


def fast_gelu(op: Builder, node: Operator) -> ir.Value:
    bias = node.get(1)
    x = node[0] if bias is None else op.Add(node[0], bias)
    return op.Gelu(x, approximate="tanh")  # type: ignore[no-any-return]


def quick_gelu(op: Builder, node: Operator) -> ir.Value:
    x = node[0]
    return op.Mul(x, op.Sigmoid(op.Mul(x, float(node.attribute("alpha", 1.702)))))  # type: ignore[no-any-return]


def fused_conv(op: Builder, node: Operator) -> ir.Value:
    """x, w, bias, and a value that is added before the activation."""
    found = {name: node.attribute(name) for name in _CONV}
    attributes = {name: value for name, value in found.items() if value is not None}
    total = op.Conv(node[0], node[1], node.get(2), **attributes)
    beside = node.get(3)
    if beside is not None:
        total = op.Add(total, beside)
    parameters = [float(value) for value in node.attribute("activation_params", [])]
    return _activated(op, total, node.attribute("activation", ""), parameters)


def fused_gemm(op: Builder, node: Operator) -> ir.Value:
    names = ("alpha", "beta", "transA", "transB")
    found = {name: node.attribute(name) for name in names}
    attributes = {name: value for name, value in found.items() if value is not None}
    total = op.Gemm(node[0], node[1], node.get(2), **attributes)
    letters = (node.attribute(f"activation_{name}") for name in ("alpha", "beta", "gamma"))
    parameters = [float(value) for value in letters if value is not None]
    return _activated(op, total, node.attribute("activation", ""), parameters)


def _activated(op: Builder, x: ir.Value, name: str, parameters: list[float]) -> ir.Value:
    if name == "":
        return x
    if name in ("Relu", "Tanh", "Sigmoid", "Softplus", "Softsign", "HardSwish"):
        return getattr(op, name)(x)  # type: ignore[no-any-return]
    if name in ("LeakyRelu", "Elu", "ThresholdedRelu"):
        return getattr(op, name)(x, **dict(zip(("alpha",), parameters, strict=False)))  # type: ignore[no-any-return]
    if name == "HardSigmoid":
        return op.HardSigmoid(x, **dict(zip(("alpha", "beta"), parameters, strict=False)))  # type: ignore[no-any-return]
    if name == "Clip" and len(parameters) == 2:
        return op.Clip(x, *parameters)  # type: ignore[no-any-return]
    raise Refusal(f"the fused activation {name!r} with {len(parameters)} parameters")


def fused_matmul(op: Builder, node: Operator) -> ir.Value:
    a = _turned(op, node[0], node.attribute("transA", 0), node.attribute("transBatchA", 0))
    b = _turned(op, node[1], node.attribute("transB", 0), node.attribute("transBatchB", 0))
    return _scaled(op, op.MatMul(a, b), float(node.attribute("alpha", 1.0)))


def _turned(op: Builder, x: ir.Value, last: int, batch: int) -> Any:
    """`batch`: the first axis, too, stands behind the others of the batch."""
    if not last and not batch:
        return x
    if rank(x) < 2:
        return x
    order = list(range(rank(x)))
    if batch:
        order = [*order[1:-1], order[0], order[-1]]
    if last:
        order[-2:] = order[:-3:-1]
    return op.Transpose(x, perm=order)


def _scaled(op: Builder, x: ir.Value, factor: float) -> ir.Value:
    return x if factor == 1.0 else op.Mul(x, factor)  # type: ignore[no-any-return]


def skip_layer_normalization(op: Builder, node: Operator) -> list[ir.Value | None]:
    """x, skip, gamma, beta, bias: the normalised sum, its mean, 1 / deviation, and the sum itself."""
    total = _sum(op, node[0], node[1], node.get(4))
    return [*_layer_normalization(op, node, total, node[2], node.get(3)), total]


def skip_simplified_layer_normalization(op: Builder, node: Operator) -> list[ir.Value | None]:
    """x, skip, gamma, bias."""
    total = _sum(op, node[0], node[1], node.get(3))
    epsilon = float(node.attribute("epsilon", 1e-12))
    return [op.RMSNormalization(total, node[2], axis=-1, epsilon=epsilon), None, None, total]


def _sum(op: Builder, x: ir.Value, skip: ir.Value, bias: ir.Value | None) -> ir.Value:
    total: ir.Value = op.Add(x, skip)
    return total if bias is None else op.Add(total, bias)  # type: ignore[no-any-return]


def _layer_normalization(
    op: Builder, node: Operator, x: ir.Value, gamma: ir.Value, beta: ir.Value | None
) -> tuple[ir.Value, ir.Value | None, ir.Value | None]:
    epsilon = float(node.attribute("epsilon", 1e-12))
    if not node.uses(1) and not node.uses(2):
        return op.LayerNormalization(x, gamma, beta, axis=-1, epsilon=epsilon), None, None
    return op.LayerNormalization(x, gamma, beta, axis=-1, epsilon=epsilon, outputs=3)  # type: ignore[no-any-return]


def embed_layer_normalization(op: Builder, node: Operator) -> list[ir.Value | None]:
    """ids [B, S], segments [B, S], tables of words, positions and segments, gamma, beta, mask [B, S],
    positions [B, S]: normalised embeddings, the number of ones in each row of the mask, their sum.
    """
    ids, segments, mask, positions = node[0], node.get(1), node.get(7), node.get(8)
    total = op.Gather(node[2], ids, axis=0)
    if positions is None:
        at = op.Gather(node[3], op.range(op.size(ids, 1)), axis=0)
        total = op.Add(total, at)
    else:
        total = op.Add(total, op.Gather(node[3], positions, axis=0))
    if segments is not None:
        total = op.Add(total, op.Gather(node[4], segments, axis=0))
    epsilon = float(node.attribute("epsilon", 1e-12))
    normal = op.LayerNormalization(total, node[5], node.get(6), axis=-1, epsilon=epsilon)
    counts = None
    if node.uses(1):
        if mask is None:
            zeros = op.Mul(op.slice(op.cast(ids, np.int32), 1, 0, 1), 0)
            counts = op.Squeeze(zeros, [1])
        else:
            counts = op.ReduceSum(mask, [1], keepdims=0)
    return [normal, counts, total if node.uses(2) else None]
