"""ai.onnx.preview.training: steps of optimizers, over as many tensors as there are.

Operands come as R (learning rate, a number), T (update count, int64), then every tensor X, every
gradient G, and each kind of state in its own stretch; results in the same order. The formulas are
those of Operators-ml.md's pseudo code.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from interop.graph.decompositions.builder import Builder, Operator


def adagrad(op: Builder, node: Operator) -> list[ir.Value]:
    decay, epsilon = _number(node, "decay_factor", 0.0), _number(node, "epsilon", 0.0)
    slower = op.Add(op.Mul(_like(op, node[1], node[0]), decay), 1.0)
    rate = op.Div(node[0], slower)
    new, squares = [], []
    for x, g, h in _stretches(node, 3):
        gradient = _regular(op, node, x, g)
        total = op.Add(h, op.Mul(gradient, gradient))
        step = op.Div(op.Mul(rate, gradient), op.Add(op.Sqrt(total), epsilon))
        new.append(op.Sub(x, step))
        squares.append(total)
    return [*new, *squares]


def momentum(op: Builder, node: Operator) -> list[ir.Value]:
    alpha, nesterov = _number(node, "alpha", 0.0), node.attribute("mode") == "nesterov"
    later = op.Greater(node[1], 0)
    beta = op.Where(later, op.CastLike(_number(node, "beta", 0.0), node[0]), 1.0)
    new, velocities = [], []
    for x, g, v in _stretches(node, 3):
        gradient = _regular(op, node, x, g)
        velocity = op.Add(op.Mul(v, alpha), op.Mul(beta, gradient))
        step = op.Add(gradient, op.Mul(velocity, alpha)) if nesterov else velocity
        new.append(op.Sub(x, op.Mul(node[0], step)))
        velocities.append(velocity)
    return [*new, *velocities]


def adam(op: Builder, node: Operator) -> list[ir.Value]:
    alpha, beta = _number(node, "alpha", 0.9), _number(node, "beta", 0.999)
    epsilon = _number(node, "epsilon", 0.0)
    kept = 1.0 - _number(node, "norm_coefficient_post", 0.0)
    count = _like(op, node[1], node[0])
    biased = op.Div(
        op.Sqrt(op.Sub(1.0, op.Pow(op.CastLike(beta, node[0]), count))),
        op.Sub(1.0, op.Pow(op.CastLike(alpha, node[0]), count)),
    )
    rate = op.Where(op.Greater(node[1], 0), op.Mul(node[0], biased), node[0])
    new, means, squares = [], [], []
    for x, g, v, h in _stretches(node, 4):
        gradient = _regular(op, node, x, g)
        mean = op.Add(op.Mul(v, alpha), op.Mul(gradient, 1.0 - alpha))
        square = op.Add(op.Mul(h, beta), op.Mul(op.Mul(gradient, gradient), 1.0 - beta))
        step = op.Div(op.Mul(rate, mean), op.Add(op.Sqrt(square), epsilon))
        new.append(op.Mul(op.Sub(x, step), kept))
        means.append(mean)
        squares.append(square)
    return [*new, *means, *squares]


def _stretches(node: Operator, kinds: int) -> list[tuple[ir.Value, ...]]:
    """One tuple a tensor: it, its gradient, and its states."""
    operands = [node[i] for i in range(2, len(node.inputs))]
    count = len(operands) // kinds
    return [tuple(operands[i::count]) for i in range(count)]


def _regular(op: Builder, node: Operator, x: ir.Value, gradient: ir.Value) -> ir.Value:
    """The gradient with that of the tensor's squared norm."""
    return op.Add(op.Mul(x, _number(node, "norm_coefficient", 0.0)), gradient)  # type: ignore[no-any-return]


def _like(op: Builder, count: ir.Value, number: ir.Value) -> ir.Value:
    return op.CastLike(count, number)  # type: ignore[no-any-return]


def _number(node: Operator, name: str, default: float) -> Any:
    return float(np.float32(node.attribute(name, default)))
