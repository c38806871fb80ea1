"""TFLite's builtin operators → how each is written as ONNX; what is not here is refused by name."""

from __future__ import annotations

from collections.abc import Mapping

from interop.converters.tflite.exports import (
    arrangement,
    control,
    elementwise,
    indexing,
    loops,
    products,
    quantizing,
    recurrent,
    reduction,
    windows,
)
from interop.converters.tflite.exports.elementwise import arithmetic, bounded, each
from interop.converters.tflite.exports.forms import (
    Export,
    by_itself,
    carried,
    computed,
    joined,
    moved,
    moved_alike,
    spatial,
    stored_by_itself,
)
from interop.converters.tflite.exports.forms import (
    elementwise as on_elements,
)
from interop.converters.tflite.exports.strided import strided_slice

_ELEMENTS: Mapping[str, Export] = {
    name: on_elements(convert)
    for name, convert in {
        "ABS": each("Abs"),
        "ADD": arithmetic("Add"),
        "ADD_N": elementwise.sum_of_all,
        "BITWISE_XOR": each("BitwiseXor"),
        "CAST": elementwise.cast,
        "CEIL": each("Ceil"),
        "COS": each("Cos"),
        "DENSIFY": quantizing.densify,
        "DEQUANTIZE": quantizing.dequantize,
        "DIV": arithmetic("Div"),
        "ELU": each("Elu"),
        "EQUAL": each("Equal"),
        "EXP": each("Exp"),
        "FAKE_QUANT": elementwise.fake_quant,
        "FLOOR": each("Floor"),
        "FLOOR_DIV": elementwise.floor_div,
        "FLOOR_MOD": elementwise.floor_mod,
        "GELU": elementwise.gelu,
        "GREATER": each("Greater"),
        "GREATER_EQUAL": each("GreaterOrEqual"),
        "HARD_SWISH": each("HardSwish"),
        "LEAKY_RELU": elementwise.leaky_relu,
        "LESS": each("Less"),
        "LESS_EQUAL": each("LessOrEqual"),
        "LOG": each("Log"),
        "LOGICAL_AND": each("And"),
        "LOGICAL_NOT": each("Not"),
        "LOGICAL_OR": each("Or"),
        "LOGISTIC": each("Sigmoid"),
        "MAXIMUM": each("Max"),
        "MINIMUM": each("Min"),
        "MUL": arithmetic("Mul"),
        "NEG": each("Neg"),
        "NOT_EQUAL": elementwise.not_equal,
        "POW": each("Pow"),
        "PRELU": elementwise.prelu,
        "QUANTIZE": quantizing.quantize,
        "RELU": each("Relu"),
        "RELU6": bounded(0.0, 6.0),
        "RELU_0_TO_1": bounded(0.0, 1.0),
        "RELU_N1_TO_1": bounded(-1.0, 1.0),
        "ROUND": each("Round"),
        "RSQRT": elementwise.rsqrt,
        "SELECT_V2": elementwise.select,
        "SIGN": each("Sign"),
        "SIN": each("Sin"),
        "SQRT": each("Sqrt"),
        "SQUARE": elementwise.square,
        "SQUARED_DIFFERENCE": elementwise.squared_difference,
        "SUB": arithmetic("Sub"),
        "TANH": each("Tanh"),
    }.items()
}

_WINDOWS: Mapping[str, Export] = {
    "AVERAGE_POOL_2D": spatial(windows.average_pool),
    "CONV_2D": spatial(windows.convolution),
    "CONV_3D": spatial(windows.convolution),
    "DEPTHWISE_CONV_2D": spatial(windows.depthwise_convolution),
    "DEPTH_TO_SPACE": spatial(windows.depth_to_space),
    "L2_POOL_2D": spatial(windows.l2_pool),
    "LOCAL_RESPONSE_NORMALIZATION": spatial(windows.local_response_normalization),
    "MAX_POOL_2D": spatial(windows.max_pool),
    "RESIZE_BILINEAR": spatial(windows.resize("linear")),
    "RESIZE_NEAREST_NEIGHBOR": spatial(windows.resize("nearest")),
    "SPACE_TO_DEPTH": spatial(windows.space_to_depth),
    "TRANSPOSE_CONV": spatial(windows.transposed_convolution, data=2),
}

_ARRANGEMENT: Mapping[str, Export] = {
    "BATCH_TO_SPACE_ND": moved(arrangement.batch_to_space),
    "BROADCAST_ARGS": stored_by_itself(arrangement.broadcast_shapes),
    "BROADCAST_TO": moved(arrangement.broadcast_to),
    "CONCATENATION": joined(arrangement.concatenation),
    "DYNAMIC_UPDATE_SLICE": moved(arrangement.dynamic_update_slice),
    "EXPAND_DIMS": moved(arrangement.expand_dims),
    "FILL": stored_by_itself(arrangement.fill),
    "MIRROR_PAD": moved_alike(arrangement.mirror_pad),
    "PACK": moved(arrangement.pack),
    "PAD": moved_alike(arrangement.pad),
    "PADV2": moved_alike(arrangement.pad_with),
    "RESHAPE": moved(arrangement.reshape),
    "REVERSE_SEQUENCE": moved(arrangement.reverse_sequence),
    "REVERSE_V2": moved(arrangement.reverse),
    "SLICE": moved_alike(arrangement.slice_),
    "SPACE_TO_BATCH_ND": moved(arrangement.space_to_batch),
    "SPLIT": moved(arrangement.split),
    "SPLIT_V": moved(arrangement.split_v),
    "SQUEEZE": moved(arrangement.squeeze),
    "STRIDED_SLICE": moved_alike(strided_slice),
    "TILE": moved(arrangement.tile),
    "TRANSPOSE": arrangement.transpose,
    "UNPACK": moved(arrangement.unpack),
}

_NUMBERS: Mapping[str, Export] = {
    "ARG_MAX": computed(reduction.extreme("ArgMax")),
    "ARG_MIN": computed(reduction.extreme("ArgMin")),
    "BATCH_MATMUL": computed(products.batch_matmul),
    "CUMSUM": computed(reduction.cumulated_sum),
    "EMBEDDING_LOOKUP": by_itself(products.embedding_lookup),
    "FULLY_CONNECTED": by_itself(products.fully_connected),
    "L2_NORMALIZATION": computed(products.l2_normalization),
    "LOG_SOFTMAX": computed(products.log_softmax),
    "MEAN": carried(reduction.reduction("ReduceMean")),
    "REDUCE_ALL": computed(reduction.logical("ReduceMin")),
    "REDUCE_ANY": computed(reduction.logical("ReduceMax")),
    "REDUCE_MAX": carried(reduction.reduction("ReduceMax")),
    "REDUCE_MIN": carried(reduction.reduction("ReduceMin")),
    "REDUCE_PROD": carried(reduction.reduction("ReduceProd")),
    "SELECT": computed(elementwise.select),
    "SOFTMAX": computed(products.softmax),
    "SUM": carried(reduction.reduction("ReduceSum")),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": by_itself(recurrent.lstm),
    "UNIDIRECTIONAL_SEQUENCE_RNN": by_itself(recurrent.rnn),
}

_INDICES: Mapping[str, Export] = {
    name: stored_by_itself(convert)
    for name, convert in {
        "GATHER": indexing.gather,
        "GATHER_ND": indexing.gather_nd,
        "IF": control.branch,
        "ONE_HOT": indexing.one_hot,
        "RANK": reduction.rank,
        "SCATTER_ND": indexing.scatter_nd,
        "SEGMENT_SUM": indexing.segment_sum,
        "SHAPE": reduction.shape,
        "SPARSE_TO_DENSE": indexing.sparse_to_dense,
        "STABLEHLO_COMPOSITE": control.call("decompositionSubgraphIndex"),
        "TOPK_V2": reduction.top_k,
        "UNIQUE": reduction.unique,
        "UNSORTED_SEGMENT_SUM": indexing.segment_sum,
        "WHERE": reduction.where,
        "WHILE": loops.loop,
    }.items()
}

EXPORTS: Mapping[str, Export] = {
    **_ELEMENTS,
    **_WINDOWS,
    **_ARRANGEMENT,
    **_NUMBERS,
    **_INDICES,
    "RANGE": computed(reduction.range_),
    "ZEROS_LIKE": moved(elementwise.zeros_like),
}
