"""The operators that Caffe2 covers: (domain, operator) → lowering."""

from __future__ import annotations

from collections.abc import Mapping

from interop.converters.caffe2.lowerings import arrangement, windows
from interop.converters.caffe2.lowerings import elementwise as each
from interop.converters.caffe2.lowerings.common import ANY, FLOATS, NUMBERS, Lowering, of, unary

#: Those whose kernels are of float32.
_OF_FLOATS: dict[str, Lowering] = {
    "Abs": unary("Abs"),
    "Acos": unary("Acos"),
    "Asin": unary("Asin"),
    "Atan": unary("Atan"),
    "AveragePool": windows.average_pool,
    "BatchNormalization": windows.batch_normalization,
    "Ceil": unary("Ceil"),
    "Clip": each.clip,
    "Conv": windows.conv,
    "ConvTranspose": windows.conv_transpose,
    "Cos": unary("Cos"),
    "Cosh": unary("Cosh"),
    "Elu": each.elu,
    "Erf": unary("Erf"),
    "Exp": unary("Exp"),
    "Floor": unary("Floor"),
    "Gelu": each.gelu,
    "Gemm": arrangement.gemm,
    "GlobalAveragePool": windows.global_pool("ReduceMean"),
    "GlobalMaxPool": windows.global_pool("ReduceMax"),
    "HardSigmoid": each.hard_sigmoid,
    "HardSwish": each.hard_swish,
    "InstanceNormalization": windows.instance_normalization,
    "LRN": windows.lrn,
    "LayerNormalization": arrangement.layer_normalization,
    "LeakyRelu": each.leaky_relu,
    "Log": unary("Log"),
    "LogSoftmax": arrangement.log_softmax,
    "MatMul": arrangement.matmul,
    "Max": each.extreme("Max"),
    "MaxPool": windows.max_pool,
    "Mean": each.mean,
    "Min": each.extreme("Min"),
    "Neg": unary("Negative"),
    "PRelu": each.prelu,
    "Pad": windows.pad,
    "Pow": each.power,
    "Reciprocal": unary("Reciprocal"),
    "ReduceL1": arrangement.reduction("ReduceSum", before="Abs"),
    "ReduceL2": arrangement.reduction("ReduceSum", before="Sqr", after="Sqrt"),
    "ReduceMax": arrangement.reduction("ReduceMax"),
    "ReduceMean": arrangement.reduction("ReduceMean"),
    "ReduceMin": arrangement.reduction("ReduceMin"),
    "ReduceSum": arrangement.reduction("ReduceSum"),
    "ReduceSumSquare": arrangement.reduction("ReduceSum", before="Sqr"),
    "Relu": unary("Relu"),
    "Selu": each.selu,
    "Sigmoid": unary("Sigmoid"),
    "Sign": unary("Sign"),
    "Sin": unary("Sin"),
    "Sinh": unary("Sinh"),
    "Softmax": arrangement.softmax,
    "Softplus": each.softplus,
    "Softsign": unary("Softsign"),
    "Sqrt": unary("Sqrt"),
    "Swish": each.swish,
    "Tan": unary("Tan"),
    "Tanh": unary("Tanh"),
    "TopK": arrangement.top_k,
}

#: Of float32 and integers.
_OF_NUMBERS: dict[str, Lowering] = {
    "Add": each.binary("Add"),
    "ArgMax": arrangement.arg("ArgMax"),
    "ArgMin": arrangement.arg("ArgMin"),
    "Div": each.binary("Div"),
    "Equal": each.binary("EQ"),
    "Greater": each.binary("GT"),
    "GreaterOrEqual": each.binary("GE"),
    "Less": each.binary("LT"),
    "LessOrEqual": each.binary("LE"),
    "Mul": each.binary("Mul"),
    "Sub": each.binary("Sub"),
    "Sum": each.total,
}

_OF_TRUTHS: dict[str, Lowering] = {
    "And": each.binary("And"),
    "Not": unary("Not"),
    "Or": each.binary("Or"),
    "Xor": each.binary("Xor"),
}

#: Those that only move data.
_OF_ANY: dict[str, Lowering] = {
    "Cast": each.cast,
    "Concat": arrangement.concat,
    "Dropout": each.dropout,
    "Expand": arrangement.expand,
    "Flatten": arrangement.flatten,
    "Gather": arrangement.gather,
    "GatherND": arrangement.gather_nd,
    "Identity": each.same,
    "Range": arrangement.range_,
    "Reshape": arrangement.reshape,
    "Slice": arrangement.slice_,
    "Split": arrangement.split,
    "Squeeze": arrangement.reshaped,
    "Tile": arrangement.tile,
    "Transpose": arrangement.transpose,
    "Unsqueeze": arrangement.reshaped,
    "Where": each.where,
}

LOWERINGS: Mapping[tuple[str, str], Lowering] = {
    ("", name): of(dtypes, lowering)
    for dtypes, part in (
        (FLOATS, _OF_FLOATS),
        (NUMBERS, _OF_NUMBERS),
        (("bool",), _OF_TRUTHS),
        (ANY, _OF_ANY),
    )
    for name, lowering in part.items()
}
