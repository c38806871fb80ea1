"""A model that is quantized to symmetric int8, in float8 (E4M3) by the same ranges."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from onnx import ModelProto, NodeProto, TensorProto
from onnx import numpy_helper as nph

from interop.errors import UnsupportedOperator
from interop.parity.floor.precisions import FLOAT8, INT8

#: What ONNX Runtime's tool appends to the name of a weight that it stores as integers.
_STORED = "_quantized"


def in_float8(quantized: ModelProto, model: ModelProto) -> ModelProto:
    """`quantized` (changed) with float8 between its Quantize and Dequantize; `model`, what it was made of,
    has the weights, which are rounded once, and not from int8.

    Raises UnsupportedOperator where a stored weight is none of the model's.
    """
    real = {tensor.name: tensor for tensor in model.graph.initializer}
    held = {tensor.name: tensor for tensor in quantized.graph.initializer}
    done: set[str] = set()
    for node in quantized.graph.node:
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            continue
        source, scale, zero = node.input
        if zero not in done and held[zero].data_type == TensorProto.INT8:
            done.add(zero)
            shape = tuple(held[zero].dims)
            _hold(held[zero], np.zeros(shape, ml_dtypes.float8_e4m3fn))
            # The range that its scale counts in 127ths is counted in 448ths.
            _hold(
                held[scale], nph.to_array(held[scale]) * np.float32(INT8.largest / FLOAT8.largest)
            )
        if source in held and held[source].data_type == TensorProto.INT8:
            _hold(held[source], _rounded(node, real, nph.to_array(held[scale])))
    return quantized


def _rounded(
    node: NodeProto, real: dict[str, TensorProto], scale: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    name = node.input[0].removesuffix(_STORED)
    if name not in real:
        raise UnsupportedOperator(
            f"{node.input[0]!r} is stored as integers, and no weight of the model has that name",
            hint="It stays in int8: ask for that precision.",
        )
    array = nph.to_array(real[name])
    if scale.ndim:  # one a channel
        axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
        scale = scale.reshape([-1 if at == axis % array.ndim else 1 for at in range(array.ndim)])
    return np.clip(array / scale, -FLOAT8.largest, FLOAT8.largest).astype(ml_dtypes.float8_e4m3fn)


def _hold(tensor: TensorProto, array: np.ndarray[Any, Any]) -> None:
    tensor.CopyFrom(nph.from_array(array, tensor.name))
