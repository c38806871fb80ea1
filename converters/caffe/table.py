"""The operators that Caffe covers: (domain, operator) → lowering."""

from __future__ import annotations

from collections.abc import Mapping

from interop.converters.caffe.lowerings import arrangement, products, windows
from interop.converters.caffe.lowerings import elementwise as each
from interop.converters.caffe.lowerings.common import Lowering, checked, layer
from interop.converters.caffe.lowerings.products import reduction

LOWERINGS: Mapping[tuple[str, str], Lowering] = {
    ("", name): checked(lowering)
    for name, lowering in {
        "Abs": layer("AbsVal"),
        "Add": each.binary(each.plus),
        "AveragePool": windows.average_pool,
        "BatchNormalization": products.batch_normalization,
        "Clip": each.clip,
        "Concat": arrangement.concat,
        "Conv": windows.conv,
        "ConvTranspose": windows.conv_transpose,
        "Div": each.binary(each.over),
        "Dropout": each.dropout,
        "Elu": each.elu,
        "Exp": layer("Exp"),
        "Expand": arrangement.expand,
        "Flatten": arrangement.reshaped,
        "Gather": arrangement.gather,
        "Gemm": products.gemm,
        "GlobalAveragePool": windows.global_pool("AVE"),
        "GlobalMaxPool": windows.global_pool("MAX"),
        "HardSigmoid": each.hard_sigmoid,
        "HardSwish": each.hard_swish,
        "Identity": each.same,
        "LRN": products.lrn,
        "LeakyRelu": each.leaky_relu,
        "Log": layer("Log"),
        "MatMul": products.matmul,
        "Max": each.variadic(each.larger),
        "MaxPool": windows.max_pool,
        "Mean": each.mean,
        "Min": each.variadic(each.smaller),
        "Mul": each.binary(each.times),
        "Neg": each.neg,
        "PRelu": each.prelu,
        "Pad": windows.pad,
        "Pow": each.pow_,
        "Reciprocal": each.to_the(-1.0),
        "ReduceL1": reduction("ASUM"),
        "ReduceL2": reduction("SUMSQ", after=products.root),
        "ReduceLogSum": reduction("SUM", after=products.logarithm),
        "ReduceMax": products.extreme(smallest=False),
        "ReduceMean": reduction("MEAN"),
        "ReduceMin": products.extreme(smallest=True),
        "ReduceSum": reduction("SUM"),
        "ReduceSumSquare": reduction("SUMSQ"),
        "Relu": each.relu,
        "Reshape": arrangement.reshaped,
        "Resize": windows.resize,
        "Selu": each.selu,
        "Sigmoid": layer("Sigmoid"),
        "Slice": arrangement.slice_,
        "Softmax": products.softmax,
        "Softplus": layer("BNLL"),
        "Split": arrangement.split,
        "Sqrt": each.to_the(0.5),
        "Squeeze": arrangement.reshaped,
        "Sub": each.binary(each.minus),
        "Sum": each.variadic(each.plus),
        "Swish": each.swish,
        "Tanh": layer("TanH"),
        "ThresholdedRelu": each.thresholded_relu,
        "Tile": arrangement.tile,
        "Transpose": arrangement.transpose,
        "Unsqueeze": arrangement.reshaped,
    }.items()
}
