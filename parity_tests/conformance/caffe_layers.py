"""Small networks of Caffe's layers: what each computes is held against Caffe itself."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Case:
    """A network, and which inputs are not plain noise: bounds of whole numbers, or "positive"."""

    name: str
    text: str
    draws: dict
    fixed: bool = False  # whether its batch is

    def draw(self, rng, name, shape):
        how = self.draws.get(name)
        if how == "positive":
            return np.abs(rng.standard_normal(shape)).astype(np.float32) + np.float32(0.1)
        if how is not None:
            return rng.integers(0, how, shape).astype(np.float32)
        return rng.standard_normal(shape).astype(np.float32)


def given(name, *shape):
    """An Input layer."""
    dims = " ".join(f"dim: {size}" for size in shape)
    return f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ {dims} }} }} }}\n'


def layer(kind, parameters="", bottoms="x", tops="y", name=None):
    """A layer by its type; the words in `bottoms` and `tops` are blobs."""
    ends = "".join(f' bottom: "{b}"' for b in bottoms.split())
    ends += "".join(f' top: "{t}"' for t in tops.split())
    return f'layer {{ name: "{name or tops.split()[0]}" type: "{kind}"{ends} {parameters} }}\n'


def one(name, kind, parameters="", shape=(2, 4, 7, 9), draws=None, fixed=False):
    """One layer, on one input."""
    return Case(name, given("x", *shape) + layer(kind, parameters), draws or {}, fixed)


def case(name, *parts, draws=None, fixed=False):
    return Case(name, "".join(parts), draws or {}, fixed)


_POOL = "pooling_param {{ pool: {} kernel_size: {} stride: {} pad: {} }}"
_CONV = "convolution_param {{ num_output: 6 {} }}"

WINDOWS = [
    one("conv", "Convolution", _CONV.format("kernel_size: 3 pad: 1 stride: 2")),
    one("conv_groups", "Convolution", _CONV.format("kernel_h: 3 kernel_w: 2 group: 2 dilation: 2 pad_w: 1 pad_h: 0 bias_term: false")),
    one("conv_1d", "Convolution", _CONV.format("kernel_size: 3 pad: 2"), (2, 4, 9)),
    one("conv_3d", "Convolution", _CONV.format("kernel_size: 3 kernel_size: 2 kernel_size: 1"), (1, 2, 5, 4, 3)),
    case("conv_of_two", given("x", 1, 4, 5, 5), given("z", 1, 4, 5, 5), layer("Convolution", _CONV.format("kernel_size: 3"), "x z", "y w")),
    one("deconv", "Deconvolution", _CONV.format("kernel_size: 4 stride: 2 pad: 1")),
    one("deconv_groups", "Deconvolution", _CONV.format("kernel_size: 3 stride: 2 group: 2 dilation: 2 bias_term: false")),
    one("max_ceil", "Pooling", _POOL.format("MAX", 3, 2, 0), (2, 4, 8, 10)),
    one("max_pad", "Pooling", _POOL.format("MAX", 3, 2, 1), (2, 4, 8, 9)),
    one("max_pad_drops_a_window", "Pooling", _POOL.format("MAX", 2, 2, 1), (2, 4, 6, 7)),
    one("max_floor", "Pooling", "pooling_param { kernel_size: 3 stride: 2 round_mode: FLOOR }", (2, 4, 8, 9)),
    one("average", "Pooling", _POOL.format("AVE", 3, 1, 1)),
    one("average_over_the_end", "Pooling", _POOL.format("AVE", 3, 2, 0), (2, 4, 8, 9)),
    one("average_padded_over_the_end", "Pooling", _POOL.format("AVE", 3, 2, 1), (2, 4, 8, 9)),
    one("average_sides_differ", "Pooling", "pooling_param { pool: AVE kernel_h: 3 kernel_w: 5 stride_h: 2 stride_w: 3 pad_h: 1 pad_w: 2 }", (2, 4, 8, 11)),
    one("global_average", "Pooling", "pooling_param { pool: AVE global_pooling: true }"),
    one("global_max", "Pooling", "pooling_param { pool: MAX global_pooling: true }"),
    one("spp", "SPP", "spp_param { pyramid_height: 3 }", (2, 4, 7, 9)),
    one("spp_average", "SPP", "spp_param { pyramid_height: 2 pool: AVE }", (2, 4, 7, 9)),
    one("im2col", "Im2col", "convolution_param { kernel_h: 3 kernel_w: 2 stride: 2 pad: 1 }".replace("stride: 2 pad: 1", "stride: 2")),
]  # fmt: skip

ENTRIES = [
    one("relu", "ReLU"),
    one("leaky", "ReLU", "relu_param { negative_slope: 0.2 }"),
    one("prelu", "PReLU", ""),
    one("prelu_shared", "PReLU", "prelu_param { channel_shared: true }", (2, 4, 5)),
    one("elu", "ELU", "elu_param { alpha: 0.7 }"),
    one("sigmoid", "Sigmoid"),
    one("tanh", "TanH"),
    one("absolute", "AbsVal"),
    one("bnll", "BNLL"),
    one("swish", "Swish", "swish_param { beta: 1.5 }"),
    one("power", "Power", "power_param { power: 3 scale: 0.5 shift: 0.25 }"),
    one("power_half", "Power", "power_param { power: 0.5 scale: 2 shift: 1 }", draws={"x": "positive"}),
    one("power_line", "Power", "power_param { scale: -2 shift: 1 }"),
    one("exp", "Exp"),
    one("exp_base", "Exp", "exp_param { base: 2 scale: 0.5 shift: 1 }"),
    one("log", "Log", draws={"x": "positive"}),
    one("log_base", "Log", "log_param { base: 10 scale: 3 shift: 1 }", draws={"x": "positive"}),
    one("threshold", "Threshold", "threshold_param { threshold: 0.3 }"),
    one("dropout", "Dropout"),
    one("scale", "Scale"),
    one("scale_bias_axis", "Scale", "scale_param { axis: 2 num_axes: 2 bias_term: true }"),
    one("scale_number", "Scale", "scale_param { num_axes: 0 }"),
    one("scale_last", "Scale", "scale_param { axis: -1 }"),
    case("scale_by_another", given("x", 2, 4, 5, 6), given("z", 2, 4), layer("Scale", "scale_param { axis: 0 }", "x z")),
    one("bias", "Bias", "bias_param { axis: 1 num_axes: 2 }"),
    case("bias_by_another", given("x", 2, 4, 5, 6), given("z", 5, 6), layer("Bias", "bias_param { axis: 2 }", "x z"), fixed=False),
    *[
        case(f"eltwise_{name}", given("x", 2, 4, 5), given("z", 2, 4, 5), given("w", 2, 4, 5), layer("Eltwise", f"eltwise_param {{ {text} }}", "x z w"))
        for name, text in (("sum", ""), ("coefficients", "operation: SUM coeff: 0.5 coeff: -1 coeff: 2"), ("product", "operation: PROD"), ("max", "operation: MAX"))
    ],
    one("embed", "Embed", "embed_param { input_dim: 10 num_output: 3 }", (2, 5), {"x": 10}),
    case("constants", given("x", 1, 2, 3), layer("DummyData", 'dummy_data_param { shape { dim: 2 dim: 3 } data_filler { type: "constant" value: 2.5 } }', "", "c"), layer("Parameter", "parameter_param { shape { dim: 2 dim: 3 } }", "", "p"), layer("Bias", "bias_param { axis: 1 }", "x c", "b"), layer("Scale", "scale_param { axis: 1 }", "b p")),
]  # fmt: skip

NORMALIZING = [
    one("batch_norm", "BatchNorm", "batch_norm_param { eps: 0.01 }"),
    case("batch_norm_and_scale", given("x", 2, 4, 5, 5), layer("BatchNorm", tops="x", name="n"), layer("Scale", "scale_param { bias_term: true }", tops="x", name="s"), layer("ReLU")),
    case("batch_norm_read_twice", given("x", 2, 4, 5, 5), layer("BatchNorm", tops="n"), layer("Scale", "scale_param { bias_term: true }", "n", "s"), layer("Eltwise", "", "n s")),
    case("batch_norm_and_other_scale", given("x", 2, 4, 5, 5), layer("BatchNorm", tops="n"), layer("Scale", "scale_param { axis: 2 num_axes: 2 }", "n")),
    one("mvn", "MVN"),
    one("mvn_across", "MVN", "mvn_param { across_channels: true eps: 0.1 }"),
    one("mvn_mean", "MVN", "mvn_param { normalize_variance: false }"),
    one("lrn", "LRN", "lrn_param { local_size: 3 alpha: 0.5 beta: 0.6 k: 2 }"),
    one("lrn_within", "LRN", "lrn_param { local_size: 3 alpha: 0.5 beta: 0.6 norm_region: WITHIN_CHANNEL }"),
    one("softmax", "Softmax"),
    one("softmax_axis", "Softmax", "softmax_param { axis: 2 }"),
    one("inner", "InnerProduct", "inner_product_param { num_output: 5 }"),
    one("inner_axis", "InnerProduct", "inner_product_param { num_output: 5 axis: 2 }"),
    one("inner_last", "InnerProduct", "inner_product_param { num_output: 5 axis: -1 transpose: true bias_term: false }"),
    one("inner_transposed", "InnerProduct", "inner_product_param { num_output: 5 transpose: true }", (3, 4)),
    *[one(f"reduce_{name.lower()}", "Reduction", f"reduction_param {{ operation: {name} axis: {axis} coeff: 0.5 }}") for name, axis in (("SUM", 1), ("ASUM", 2), ("SUMSQ", -1), ("MEAN", 1))],
    one("reduce_all", "Reduction"),
    one("arg_max", "ArgMax"),
    one("arg_max_axis", "ArgMax", "argmax_param { axis: 1 top_k: 2 }"),
    one("arg_max_values", "ArgMax", "argmax_param { axis: 2 out_max_val: true top_k: 3 }"),
    one("arg_max_both", "ArgMax", "argmax_param { out_max_val: true top_k: 3 }"),
]  # fmt: skip

ARRANGEMENT = [
    one("reshape", "Reshape", "reshape_param { shape { dim: 0 dim: 2 dim: -1 } }"),
    one("reshape_part", "Reshape", "reshape_param { shape { dim: 3 dim: 3 } axis: 3 num_axes: 1 }"),
    one("reshape_inserts", "Reshape", "reshape_param { shape { dim: 1 } axis: 1 num_axes: 0 }"),
    one("reshape_fixes", "Reshape", "reshape_param { shape { dim: 2 dim: -1 } }", fixed=True),
    one("reshape_merges_the_batch", "Reshape", "reshape_param { shape { dim: -1 dim: 9 } }"),
    one("flatten", "Flatten"),
    one("flatten_part", "Flatten", "flatten_param { axis: 1 end_axis: 2 }"),
    one("tile", "Tile", "tile_param { axis: 2 tiles: 3 }"),
    one("permute", "Permute", "permute_param { order: 0 order: 2 order: 3 order: 1 }"),
    case("concat", given("x", 2, 4, 5), given("z", 2, 3, 5), layer("Concat", "", "x z")),
    case("concat_old", given("x", 2, 4, 5), given("z", 2, 4, 2), layer("Concat", "concat_param { concat_dim: 2 }", "x z")),
    case("slice", given("x", 2, 6, 5), layer("Slice", "slice_param { slice_point: 1 slice_point: 4 }", "x", "a b c")),
    case("slice_even", given("x", 2, 4, 6), layer("Slice", "slice_param { axis: 2 }", "x", "a b c")),
    case("crop", given("x", 2, 4, 8, 9), given("z", 2, 1, 5, 4), layer("Crop", "crop_param { axis: 2 offset: 1 offset: 3 }", "x z")),
    case("crop_one_offset", given("x", 2, 4, 8, 9), given("z", 2, 1, 6, 7), layer("Crop", "crop_param { offset: 2 }", "x z")),
    case("batch_reindex", given("x", 4, 3), given("i", 6), layer("BatchReindex", "", "x i"), draws={"i": 2}),
    case("split_and_in_place", given("x", 2, 4, 5, 5), layer("ReLU", tops="x", name="r"), layer("Eltwise", "", "x x", "e"), layer("Power", "power_param { scale: 2 }", "e", "e", "p"), layer("Eltwise", "", "e x")),
    case("old_inputs", 'input: "x" input_dim: 2 input_dim: 3 input_dim: 4 input_dim: 5\n', layer("ReLU")),
    case("oldest_layers", 'input: "x" input_dim: 2 input_dim: 3 input_dim: 6 input_dim: 6\n', 'layers { layer { name: "c" type: "conv" num_output: 4 kernelsize: 3 } bottom: "x" top: "c" }\n', 'layers { layer { name: "r" type: "relu" } bottom: "c" top: "c" }\n', 'layers { layer { name: "y" type: "innerproduct" num_output: 5 } bottom: "c" top: "y" }\n'),
    case("old_layers", 'input: "x" input_shape { dim: 2 dim: 3 dim: 6 dim: 6 }\n', 'layers { name: "c" type: CONVOLUTION bottom: "x" top: "c" convolution_param { num_output: 4 kernel_size: 3 } blobs_lr: 1 }\n', 'layers { name: "r" type: RELU bottom: "c" top: "c" }\n', 'layers { name: "y" type: INNER_PRODUCT bottom: "c" top: "y" inner_product_param { num_output: 5 } }\n'),
]  # fmt: skip

_CONT = given("x", 5, 2, 3) + given("cont", 5, 2)
_STATE = 'recurrent_param {{ num_output: 4 weight_filler {{ type: "uniform" }} }}'.format()

RECURRENT = [
    case("lstm", _CONT, layer("LSTM", _STATE, "x cont"), draws={"cont": 2}, fixed=True),
    case("lstm_static", _CONT, given("z", 2, 6), layer("LSTM", _STATE, "x cont z"), draws={"cont": 2}, fixed=True),
    case("rnn", _CONT, layer("RNN", _STATE, "x cont"), draws={"cont": 2}, fixed=True),
]  # fmt: skip

CASES = [*WINDOWS, *ENTRIES, *NORMALIZING, *ARRANGEMENT, *RECURRENT]
