"""(domain, operator) → how it is written in simpler operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import onnx_ir as ir

from interop.graph.decompositions import (
    arrays,
    attention,
    convolution,
    ensembles,
    fused,
    grids,
    integer,
    learned,
    patches,
    pools,
    quantization,
    quantized,
    recurrent,
    regions,
    resize,
    settled,
    signal,
    training,
    trees,
    unrolled,
)
from interop.graph.decompositions.builder import Builder, Operator

#: Builds nodes and returns one value for each output, None for those that nobody asks for.
#: Raises Refusal where it cannot.
Decomposition = Callable[[Builder, Operator], ir.Value | Sequence[ir.Value | None]]

_STANDARD: dict[str, Decomposition] = {
    "AffineGrid": grids.affine_grid,
    "AveragePool": pools.average_pool,
    "BatchNormalization": arrays.batch_normalization,
    "CausalConvWithState": arrays.causal_conv_with_state,
    "Col2Im": patches.col2im,
    "Conv": convolution.conv,
    "ConvInteger": integer.conv_integer,
    "ConvTranspose": convolution.conv_transpose,
    "DFT": signal.dft,
    "DeformConv": patches.deform_conv,
    "DequantizeLinear": quantization.dequantize_linear,
    "DynamicQuantizeLinear": quantization.dynamic_quantize_linear,
    "EyeLike": arrays.eye_like,
    "GRU": recurrent.gru,
    "GlobalLpPool": pools.global_lp_pool,
    "GridSample": grids.grid_sample,
    "Hardmax": arrays.hardmax,
    "LRN": pools.lrn,
    "LSTM": recurrent.lstm,
    "Loop": unrolled.loop,
    "LpPool": pools.lp_pool,
    "MatMulInteger": integer.matmul_integer,
    "MaxPool": pools.max_pool,
    "MaxRoiPool": regions.max_roi_pool,
    "MaxUnpool": patches.max_unpool,
    "NonMaxSuppression": regions.non_max_suppression,
    "QLinearConv": integer.qlinear_conv,
    "QLinearMatMul": integer.qlinear_matmul,
    "QuantizeLinear": quantization.quantize_linear,
    "RNN": recurrent.rnn,
    "Resize": resize.resize,
    "ReverseSequence": arrays.reverse_sequence,
    "RoiAlign": regions.roi_align,
    "STFT": signal.stft,
    "Scan": unrolled.scan,
    "TensorScatter": arrays.tensor_scatter,
    "Unique": arrays.unique,
}

#: Where operands are data, and the shape of the result says what they are.
SETTLED: dict[str, Decomposition] = {
    "ConstantOfShape": settled.constant_of_shape,
    "CumProd": settled.cumulated("CumProd"),
    "CumSum": settled.cumulated("CumSum"),
    "Expand": settled.expand,
    "OneHot": settled.one_hot,
    "Pad": settled.pad,
    "Range": settled.range_,
    **{
        name: settled.reduction(name)
        for name in (
            "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
            "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare",
        )
    },
    "Reshape": settled.reshape,
    "Slice": settled.slice_,
    "Split": settled.split,
    "Squeeze": settled.to_shape,
    "Tile": settled.tile,
    "TopK": settled.top_k,
    "Trilu": settled.trilu,
    "Unsqueeze": settled.to_shape,
}  # fmt: skip

_MICROSOFT: dict[str, Decomposition] = {
    "Attention": attention.attention,
    "BiasGelu": fused.bias_gelu,
    "CropAndResize": regions.crop_and_resize,
    "DequantizeLinear": quantization.dequantize_linear,
    "DynamicQuantizeMatMul": quantized.dynamic_quantize_matmul,
    "EmbedLayerNormalization": fused.embed_layer_normalization,
    "FastGelu": fused.fast_gelu,
    "FusedConv": fused.fused_conv,
    "FusedGemm": fused.fused_gemm,
    "FusedMatMul": fused.fused_matmul,
    "Gelu": fused.gelu,
    "GroupQueryAttention": attention.group_query_attention,
    "MatMulIntegerToFloat": quantized.matmul_integer_to_float,
    "MatMulNBits": quantized.matmul_n_bits,
    "MultiHeadAttention": attention.multi_head_attention,
    "QLinearAdd": quantized.binary("Add"),
    "QLinearAveragePool": quantized.unary(quantized.average_pool),
    "QLinearConcat": quantized.concat,
    "QLinearGlobalAveragePool": quantized.unary(quantized.global_average_pool),
    "QLinearLeakyRelu": quantized.unary(quantized.leaky_relu),
    "QLinearMul": quantized.binary("Mul"),
    "QLinearSigmoid": quantized.unary(quantized.sigmoid),
    "QLinearSoftmax": quantized.unary(quantized.softmax),
    "QuantizeLinear": quantization.quantize_linear,
    "QuickGelu": fused.quick_gelu,
    "RotaryEmbedding": attention.rotary_embedding,
    "SkipLayerNormalization": fused.skip_layer_normalization,
    "SkipSimplifiedLayerNormalization": fused.skip_simplified_layer_normalization,
    "TransposeMatMul": fused.fused_matmul,
}

_LEARNED: dict[str, Decomposition] = {
    "ArrayFeatureExtractor": learned.array_feature_extractor,
    "Binarizer": learned.binarizer,
    "FeatureVectorizer": learned.feature_vectorizer,
    "Imputer": learned.imputer,
    "LabelEncoder": learned.label_encoder,
    "LinearClassifier": learned.linear_classifier,
    "LinearRegressor": learned.linear_regressor,
    "Normalizer": learned.normalizer,
    "Scaler": learned.scaler,
    "TreeEnsemble": ensembles.tree_ensemble,
    "TreeEnsembleClassifier": trees.tree_classifier,
    "TreeEnsembleRegressor": trees.tree_regressor,
}

_TRAINING: dict[str, Decomposition] = {
    "Adagrad": training.adagrad,
    "Adam": training.adam,
    "Momentum": training.momentum,
}

DECOMPOSITIONS: Mapping[tuple[str, str], Decomposition] = {
    **{("", name): write for name, write in _STANDARD.items()},
    **{("", name): write for name, write in SETTLED.items()},
    **{("com.microsoft", name): write for name, write in _MICROSOFT.items()},
    **{("ai.onnx.ml", name): write for name, write in _LEARNED.items()},
    **{("ai.onnx.preview.training", name): write for name, write in _TRAINING.items()},
}
