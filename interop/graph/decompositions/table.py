"""(domain, operator) → how it is written in simpler operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import onnx_ir as ir

from interop.graph.decompositions import grids, integer, patches, quantization, regions
from interop.graph.decompositions.builder import Builder, Operator

#: Builds nodes and returns one value for each output, None for those that nobody asks for.
#: Raises Refusal where it cannot.
Decomposition = Callable[[Builder, Operator], ir.Value | Sequence[ir.Value | None]]

_STANDARD: dict[str, Decomposition] = {
    "AffineGrid": grids.affine_grid,
    "Col2Im": patches.col2im,
    "ConvInteger": integer.conv_integer,
    "DeformConv": patches.deform_conv,
    "DequantizeLinear": quantization.dequantize_linear,
    "DynamicQuantizeLinear": quantization.dynamic_quantize_linear,
    "GridSample": grids.grid_sample,
    "MatMulInteger": integer.matmul_integer,
    "MaxRoiPool": regions.max_roi_pool,
    "MaxUnpool": patches.max_unpool,
    "NonMaxSuppression": regions.non_max_suppression,
    "QLinearConv": integer.qlinear_conv,
    "QLinearMatMul": integer.qlinear_matmul,
    "QuantizeLinear": quantization.quantize_linear,
    "RoiAlign": regions.roi_align,
}

DECOMPOSITIONS: Mapping[tuple[str, str], Decomposition] = {
    **{("", name): write for name, write in _STANDARD.items()},
}
