"""The operators that CNTK covers: (domain, operator) → lowering."""

from __future__ import annotations

from collections.abc import Mapping

from interop.converters.cntk.lowerings import arrangement, windows
from interop.converters.cntk.lowerings import elementwise as each
from interop.converters.cntk.lowerings.common import C, Lowering, checked, unary

LOWERINGS: Mapping[tuple[str, str], Lowering] = {
    ("", name): checked(lowering)
    for name, lowering in {
        "Abs": unary(C.abs),
        "Add": each.binary(C.plus),
        "AveragePool": windows.average_pool,
        "BatchNormalization": windows.batch_normalization,
        "Ceil": unary(C.ceil),
        "Clip": each.clip,
        "Concat": arrangement.concat,
        "Conv": windows.conv,
        "Cos": unary(C.cos),
        "Div": each.binary(C.element_divide),
        "Dropout": each.dropout,
        "Elu": each.elu,
        "Exp": unary(C.exp),
        "Flatten": arrangement.reshaped,
        "Floor": unary(C.floor),
        "Gemm": arrangement.gemm,
        "GlobalAveragePool": windows.global_average_pool,
        "GlobalMaxPool": windows.global_max_pool,
        "HardSigmoid": each.hard_sigmoid,
        "HardSwish": each.hard_swish,
        "Identity": each.same,
        "LeakyRelu": each.leaky_relu,
        "Log": unary(C.log),
        "LogSoftmax": arrangement.softmax(C.log_softmax),
        "MatMul": arrangement.matmul,
        "Max": each.variadic(C.element_max),
        "MaxPool": windows.max_pool,
        "Mean": each.mean,
        "Min": each.variadic(C.element_min),
        "Mul": each.binary(C.element_times),
        "Neg": unary(C.negate),
        "PRelu": each.prelu,
        "Pad": windows.pad,
        "Pow": each.power,
        "Reciprocal": unary(C.reciprocal),
        "ReduceL1": arrangement.reduction(C.reduce_sum, before=C.abs),
        "ReduceL2": arrangement.reduction(C.reduce_sum, before=C.square, after=C.sqrt),
        "ReduceLogSumExp": arrangement.reduction(C.reduce_log_sum_exp),
        "ReduceMax": arrangement.reduction(C.reduce_max),
        "ReduceMean": arrangement.reduction(C.reduce_mean),
        "ReduceMin": arrangement.reduction(C.reduce_min),
        "ReduceProd": arrangement.reduction(C.reduce_prod),
        "ReduceSum": arrangement.reduction(C.reduce_sum),
        "ReduceSumSquare": arrangement.reduction(C.reduce_sum, before=C.square),
        "Relu": unary(C.relu),
        "Reshape": arrangement.reshaped,
        "Selu": unary(C.selu),
        "Sigmoid": unary(C.sigmoid),
        "Sin": unary(C.sin),
        "Slice": arrangement.slice_,
        "Softmax": arrangement.softmax(C.softmax),
        "Softplus": unary(C.softplus),
        "Split": arrangement.split,
        "Sqrt": unary(C.sqrt),
        "Squeeze": arrangement.reshaped,
        "Sub": each.binary(C.minus),
        "Sum": each.variadic(C.plus),
        "Swish": each.swish,
        "Tanh": unary(C.tanh),
        "Transpose": arrangement.transpose,
        "Unsqueeze": arrangement.reshaped,
    }.items()
}
