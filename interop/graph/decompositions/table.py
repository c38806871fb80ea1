"""(domain, operator) → how it is written in simpler operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import onnx_ir as ir

from interop.graph.decompositions import integer, quantization
from interop.graph.decompositions.builder import Builder, Operator

#: Builds nodes and returns one value for each output, None for those that nobody asks for.
#: Raises Refusal where it cannot.
Decomposition = Callable[[Builder, Operator], ir.Value | Sequence[ir.Value | None]]

_STANDARD: dict[str, Decomposition] = {
    "ConvInteger": integer.conv_integer,
    "DequantizeLinear": quantization.dequantize_linear,
    "DynamicQuantizeLinear": quantization.dynamic_quantize_linear,
    "MatMulInteger": integer.matmul_integer,
    "QLinearConv": integer.qlinear_conv,
    "QLinearMatMul": integer.qlinear_matmul,
    "QuantizeLinear": quantization.quantize_linear,
}

DECOMPOSITIONS: Mapping[tuple[str, str], Decomposition] = {
    **{("", name): write for name, write in _STANDARD.items()},
}
