"""Products with matrices, softmax, and normalizations over the last axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from interop.converters.tflite.exports.dynamic import asymmetric, is_dynamic, symmetric
from interop.converters.tflite.exports.windows import bias
from interop.converters.tflite.operator import Op, Refused, dequantized, known_rank


def fully_connected(op: Op) -> str:
    """x [.., I], weights [O, I], perhaps a bias; rows of x are merged into one axis but for keepNumDims."""
    if op.option("weightsFormat"):
        raise Refused("shuffled weights")
    x = _rows(op, op.tensor(1).shape[-1])
    if is_dynamic(op, 0, 1):
        if op.option("keepNumDims") and op.rank() != 2:
            raise Refused("rows of more than one axis beside weights of 8 bits")
        x = (asymmetric if op.option("asymmetricQuantizeInputs") else symmetric)(op, x, [1])
    added = bias(op, 2)
    if known_rank(op.result()) == 2:
        product = op.emit("Gemm", [x, op.scope.as_real(op.inputs[1]), *added], transB=1)
    else:
        turned = op.emit("Transpose", [op.scope.as_real(op.inputs[1])], perm=[1, 0])
        product = op.emit("MatMul", [x, turned])
        product = op.emit("Add", [product, *added]) if added else product
    return op.activated(product)


def _rows(op: Op, inner: int) -> str:
    """The data, real, as rows of that many numbers."""
    tensor = op.tensor(0)
    if op.option("keepNumDims") or (tensor.rank == 2 and tensor.shape[1] == inner):
        return op.real(0)
    rows: str = op.emit("Reshape", [op.stored(0), op.integers(-1, inner)])
    return dequantized(op.graph, rows, tensor, 0) if tensor.quantized else rows


def batch_matmul(op: Op, a: str, b: str) -> Any:
    if is_dynamic(op, 0, 1):
        raise Refused("weights of 8 bits beside real data")
    sides = [(a, op.rank(0), op.option("adjX")), (b, op.rank(1), op.option("adjY"))]
    operands = []
    for name, rank, turned in sides:
        order = [*range(rank - 2), rank - 1, rank - 2]
        operands.append(op.emit("Transpose", [name], perm=order) if turned else name)
    return op.emit("MatMul", operands)


def softmax(op: Op, x: str) -> Any:
    beta = float(op.option("beta"))
    if beta != 1.0:
        x = op.emit("Mul", [x, op.constant(np.float32(beta))])
    return op.emit("Softmax", [x], axis=-1)


def log_softmax(op: Op, x: str) -> Any:
    return op.emit("LogSoftmax", [x], axis=-1)


def l2_normalization(op: Op, x: str) -> str:
    """Over the last axis; the norm is 1e-6 at least."""
    squares = op.emit("ReduceSum", [op.emit("Mul", [x, x]), op.integers(-1)], keepdims=1)
    norm = op.emit("Max", [op.emit("Sqrt", [squares]), op.constant(np.float32(1e-6))])
    return op.activated(op.emit("Div", [x, norm]))


def embedding_lookup(op: Op) -> Any:
    """Rows of operand 1 by the indices in operand 0."""
    return op.emit("Gather", [op.real(1), op.stored(0)], axis=0)
