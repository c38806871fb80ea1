"""How each Caffe2 operator is written as ONNX: name → converter(writer, op, arguments, *inputs).

A converter returns the name of its result, or a list of them. Python 3.6.
"""

import numpy as np


class Refused(Exception):
    """An operator that has no ONNX form here; the text says why."""


def plain(operator, **names):
    """One operator of ONNX; names: its attributes → (argument, default)."""

    def convert(w, op, arguments, *inputs):
        given = {name: arguments.get(*pair) for name, pair in names.items()}
        return w.node(operator, *inputs, **given)

    return convert


def shape_(w, op, arguments, x):
    """Of all axes, or of those that are named."""
    sizes = w.node("Shape", x)
    if "axes" not in arguments:
        return sizes
    return w.node("Gather", sizes, w.constant(list(arguments["axes"])), axis=0)


def range_(w, op, arguments, *bounds):
    """From 0 by 1 to the one entry of a blob, as many as that says."""
    if len(bounds) != 1 or w.dtypes[op.input[0]] != "int64":
        raise Refused("numbers that do not count from 0 to a size")
    stop = w.node("Reshape", bounds[0], w.constant([]))
    return w.node("Range", w.constant(0), stop, w.constant(1))


def numbered(operator, **names):
    """The same, with attributes that are floats."""

    def convert(w, op, arguments, *inputs):
        given = {name: float(arguments.get(*pair)) for name, pair in names.items()}
        return w.node(operator, *inputs, **given)

    return convert


def same(w, op, arguments, *inputs):
    """What only training needs is not asked for: the first result."""
    return w.node("Identity", inputs[0])


def rank_of(w, blob):
    return w.ranks[blob]


def axis_of(w, op, arguments, default):
    """An axis counted from the front."""
    axis = arguments.get("axis", default)
    return axis % rank_of(w, op.input[0])


def binary(operator):
    """Broadcast as in NumPy, or as of old: the second stands at an axis of the first."""

    def convert(w, op, arguments, a, b):
        if arguments.get("broadcast") and ("axis" in arguments or "axis_str" in arguments):
            if arguments.get("axis_str"):
                raise Refused("an axis by its letter")
            ranks = [rank_of(w, blob) for blob in op.input]
            after = ranks[0] - arguments["axis"] % ranks[0] - ranks[1]
            if after > 0:
                places = [ranks[1] + i for i in range(after)]
                b = w.node("Unsqueeze", b, w.constant(places))
        return w.node(operator, a, b)

    return convert


def unequal(w, op, arguments, a, b):
    return w.node("Not", binary("Equal")(w, op, arguments, a, b))


def added(w, op, arguments, *inputs):
    return w.node("Sum", *inputs)


def mean(w, op, arguments, *inputs):
    return w.node("Mean", *inputs)


def sqr(w, op, arguments, x):
    return w.node("Mul", x, x)


def cube(w, op, arguments, x):
    return w.node("Mul", w.node("Mul", x, x), x)


def rsqrt(w, op, arguments, x):
    return w.node("Reciprocal", w.node("Sqrt", x))


def scale(w, op, arguments, x):
    return w.node("Mul", x, w.constant(arguments.get("scale", 1.0), "float32"))


def swish(w, op, arguments, x):
    return w.node("Mul", x, w.node("Sigmoid", x))


def power(w, op, arguments, x, *exponent):
    given = exponent or (w.constant(arguments.get("exponent", 0.0), "float32"),)
    return w.node("Pow", x, *given)


def clip(w, op, arguments, x):
    bounds = [
        w.constant(arguments[name], "float32") if name in arguments else ""
        for name in ("min", "max")
    ]
    return w.node("Clip", x, *bounds)


def selu(w, op, arguments, x):
    alpha = arguments.get("alpha", 1.6732632423543772)
    return w.node(
        "Selu", x, alpha=float(alpha), gamma=float(arguments.get("scale", 1.0507009873554805))
    )


def prelu(w, op, arguments, x, slope):
    """A slope a channel."""
    places = list(range(1, rank_of(w, op.input[0]) - 1))
    if places and w.weights[op.input[1]].size > 1:
        slope = w.node("Unsqueeze", slope, w.constant(places))
    return w.node("PRelu", x, slope)


#: caffe2.proto's TensorProto.DataType → ONNX's.
_DTYPES = {1: 1, 2: 6, 5: 9, 3: 2, 6: 2, 7: 3, 10: 7, 12: 10, 13: 11}


def cast(w, op, arguments, x):
    to = arguments.get("to", 1)
    if to not in _DTYPES:
        raise Refused("a cast to {}".format(to))
    return w.node("Cast", x, to=_DTYPES[to])


def constant_fill(w, op, arguments, *inputs):
    """A shape that is given, of what a blob has, or that a blob holds."""
    names = {1: "float32", 2: "int32", 5: "bool", 10: "int64"}
    dtype = names.get(arguments.get("dtype", 1))
    if dtype is None or "extra_shape" in arguments:
        raise Refused("a dtype, or sizes beyond those of its input")
    value = w.constant(arguments.get("value", 0), dtype)
    if not inputs:
        return w.node("Expand", value, w.constant(arguments.get("shape", [])))
    shape = inputs[0] if arguments.get("input_as_shape") else w.node("Shape", inputs[0])
    return w.node("Expand", value, shape)


def given_fill(dtype):
    """Numbers that stand in the net itself."""

    def convert(w, op, arguments):
        values = np.asarray(arguments.get("values", []))
        shape = [int(size) for size in arguments.get("shape", [values.size])]
        return w.node("Identity", w.constant(values.reshape(shape), dtype))

    return convert


def _spatial(arguments, name, rank, default):
    """A window's argument for each axis, in one of the ways in which Caffe2 writes it."""
    plural, single = {"kernel": "kernels", "stride": "strides", "dilation": "dilations",
                      "adj": "adjs"}[name], name  # fmt: skip
    if arguments.get(plural):
        return [int(size) for size in arguments[plural]]
    if single in arguments:
        return [int(arguments[single])] * rank
    parts = [arguments.get("{}_{}".format(single, end)) for end in ("h", "w")]
    return [int(p) if p is not None else default for p in parts] if any(parts) else [default] * rank


def _pads(arguments, rank):
    if arguments.get("pads"):
        return [int(size) for size in arguments["pads"]]
    if arguments.get("pad"):
        return [int(arguments["pad"])] * (2 * rank)
    sides = ("pad_t", "pad_l", "pad_b", "pad_r")
    return [int(arguments.get(side, 0)) for side in sides] if rank == 2 else [0] * (2 * rank)


def _window(w, op, arguments):
    rank = rank_of(w, op.input[0]) - 2
    if arguments.get("legacy_pad", 0) not in (0, 1):
        raise Refused("padding in a way of old")
    if rank < 1:
        raise Refused("a window on what has no space")
    return {
        "kernel_shape": _spatial(arguments, "kernel", rank, 1),
        "strides": _spatial(arguments, "stride", rank, 1),
        "pads": _pads(arguments, rank),
    }


def conv(w, op, arguments, *inputs):
    options = _window(w, op, arguments)
    rank = len(options["kernel_shape"])
    return w.node(
        "Conv", *inputs, dilations=_spatial(arguments, "dilation", rank, 1),
        group=int(arguments.get("group", 1)), **options
    )  # fmt: skip


def conv_transpose(w, op, arguments, *inputs):
    options = _window(w, op, arguments)
    rank = len(options["kernel_shape"])
    return w.node(
        "ConvTranspose", *inputs, output_padding=_spatial(arguments, "adj", rank, 0),
        group=int(arguments.get("group", 1)), **options
    )  # fmt: skip


def pool(operator, whole):
    def convert(w, op, arguments, x):
        if arguments.get("global_pooling"):
            return w.node(whole, x)
        options = _window(w, op, arguments)
        if any(hole != 1 for hole in _spatial(arguments, "dilation", 2, 1)):
            raise Refused("a pool with dilation")
        if operator == "AveragePool":
            options["count_include_pad"] = int(arguments.get("count_include_pad", 0))
        return w.node(operator, x, **options)

    return convert


def batch_norm(w, op, arguments, *inputs):
    if not arguments.get("is_test"):
        raise Refused("a normalization in training: set is_test")
    return w.node("BatchNormalization", *inputs[:5], epsilon=float(arguments.get("epsilon", 1e-5)))


def lrn(w, op, arguments, x):
    options = {name: float(arguments.get(name, 0.0)) for name in ("alpha", "beta", "bias")}
    options["bias"] = float(arguments.get("bias", 1.0))
    made = w.node("LRN", x, size=int(arguments.get("size", 0)), **options)
    return [made, "nothing"][: len(op.output)]


def pad_image(w, op, arguments, x):
    top, left, bottom, right = _pads(arguments, 2)
    pads = w.constant([0, 0, top, left, 0, 0, bottom, right])
    value = w.constant(arguments.get("value", 0.0), "float32")
    return w.node("Pad", x, pads, value, mode=arguments.get("mode", "constant"))


def resize_nearest(w, op, arguments, x, *scales):
    """A pixel is that which stands above or left of its place."""
    if scales:
        raise Refused("factors that are computed")
    factors = [1, 1, arguments.get("height_scale", 1.0), arguments.get("width_scale", 1.0)]
    return w.node(
        "Resize", x, "", w.constant(factors, "float32"), mode="nearest",
        coordinate_transformation_mode="asymmetric", nearest_mode="floor",
    )  # fmt: skip


def _flat(w, x, axis):
    return x if axis is None else w.node("Flatten", x, axis=axis)


def fully_connected(transposed):
    """x, as a matrix, by the weights: [out, in], or transposed [in, out]."""

    def convert(w, op, arguments, x, weights, bias):
        axis, axis_w = arguments.get("axis", 1), arguments.get("axis_w", 1)
        rank, size = rank_of(w, op.input[0]), w.weights.get(op.input[1])
        if axis_w != 1 or (size is not None and size.ndim != 2):
            raise Refused("weights of more than two axes")
        axis %= rank
        matrix = w.node("Flatten", x, axis=axis) if rank != 2 or axis != 1 else x
        result = w.node("Gemm", matrix, weights, bias, transB=0 if transposed else 1)
        if axis == 1:
            return result
        lead = w.node("Slice", w.node("Shape", x), w.constant([0]), w.constant([axis]))
        shape = w.node("Concat", lead, w.constant([-1]), axis=0)
        return w.node("Reshape", result, shape)

    return convert


def matmul(w, op, arguments, a, b):
    """Of matrices, or stacks of them."""
    parts = []
    for name, blob, flag in ((a, op.input[0], "trans_a"), (b, op.input[1], "trans_b")):
        rank = rank_of(w, blob)
        if op.type == "MatMul" and rank != 2:
            raise Refused("a product of what are no matrices")
        order = list(range(rank))
        if arguments.get(flag) and rank > 1:
            order[-2:] = order[:-3:-1]
            name = w.node("Transpose", name, perm=order)
        parts.append(name)
    return w.node("MatMul", *parts)


def softmax(w, op, arguments, x):
    """Over all axes from one on, as if they were one."""
    axis, rank = axis_of(w, op, arguments, 1), rank_of(w, op.input[0])
    if axis == rank - 1:
        return w.node("Softmax", x, axis=axis)
    made = w.node("Softmax", w.node("Flatten", x, axis=axis), axis=1)
    return w.node("Reshape", made, w.node("Shape", x))


def concat(w, op, arguments, *inputs):
    axis = axis_of(w, op, arguments, 1)
    if arguments.get("add_axis"):
        inputs = [w.node("Unsqueeze", x, w.constant([axis])) for x in inputs]
    return [w.node("Concat", *inputs, axis=axis), "nothing"][: len(op.output)]


def split(w, op, arguments, x, *sizes):
    axis = axis_of(w, op, arguments, 1)
    count = len(op.output)
    if sizes:
        raise Refused("sizes that are computed")
    options = {} if arguments.get("split") else {"num_outputs": count}
    parts = [w.constant(arguments["split"])] if arguments.get("split") else []
    made = w.node("Split", x, *parts, axis=axis, count=count, **options)
    return made if isinstance(made, list) else [made]


def slice_(w, op, arguments, x, *bounds):
    """Ends count from behind the last: -1 is the end itself."""
    if bounds:
        raise Refused("bounds that are computed")
    far = np.iinfo(np.int64).max
    ends = [far if end == -1 else end + 1 if end < 0 else end for end in arguments["ends"]]
    return w.node("Slice", x, w.constant(arguments["starts"]), w.constant(ends))


def reshape(w, op, arguments, x, *shape):
    given = shape or (w.constant(arguments["shape"]),)
    return [w.node("Reshape", x, *given), w.node("Shape", x)][: len(op.output)]


def flatten(w, op, arguments, x):
    return w.node("Flatten", x, axis=int(arguments.get("axis", 1)))


def flatten_to_vec(w, op, arguments, x):
    return w.node("Reshape", x, w.constant([-1]))


def transpose(w, op, arguments, x):
    order = arguments.get("axes") or list(range(rank_of(w, op.input[0])))[::-1]
    return w.node("Transpose", x, perm=[int(axis) for axis in order])


def dims(operator):
    def convert(w, op, arguments, x):
        return w.node(operator, x, w.constant(sorted(arguments["dims"])))

    return convert


def gather(w, op, arguments, x, indices):
    return w.node("Gather", x, indices, axis=int(arguments.get("axis", 0)))


def tile(w, op, arguments, x):
    factors = [1] * rank_of(w, op.input[0])
    factors[axis_of(w, op, arguments, 0)] = arguments.get("tiles", 1)
    return w.node("Tile", x, w.constant(factors))


def expand(w, op, arguments, x, *shape):
    return w.node("Expand", x, *(shape or (w.constant(arguments["shape"]),)))


def reduction(operator):
    def convert(w, op, arguments, x):
        axes = arguments.get("axes") or list(range(rank_of(w, op.input[0])))
        return w.node(operator, x, w.constant(axes), keepdims=int(arguments.get("keepdims", 1)))

    return convert


def arg(operator):
    def convert(w, op, arguments, x):
        axis = axis_of(w, op, arguments, -1)
        return w.node(operator, x, axis=axis, keepdims=int(arguments.get("keepdims", 1)))

    return convert


def top_k(w, op, arguments, x):
    if len(op.output) > 2:
        raise Refused("places counted as if there were one axis")
    count = w.constant([arguments["k"]])
    return w.node("TopK", x, count, axis=axis_of(w, op, arguments, -1), count=2)[: len(op.output)]


def layer_norm(w, op, arguments, x, *affine):
    """Over all axes from one on; mean and deviation are for training."""
    axis, rank = axis_of(w, op, arguments, 1), rank_of(w, op.input[0])
    over = w.constant(list(range(axis, rank)))
    centred = w.node("Sub", x, w.node("ReduceMean", x, over, keepdims=1))
    spread = w.node("ReduceMean", w.node("Mul", centred, centred), over, keepdims=1)
    small = w.constant(arguments.get("epsilon", 1e-5), "float32")
    made = w.node("Div", centred, w.node("Sqrt", w.node("Add", spread, small)))
    if affine:
        made = w.node("Add", w.node("Mul", made, affine[0]), affine[1])
    return [made, "nothing", "nothing"][: len(op.output)]


def channel_shuffle(w, op, arguments, x):
    group = int(arguments.get("group", 1))
    shape = w.node("Shape", x)
    channels = w.node("Div", w.node("Gather", shape, w.constant([1]), axis=0), w.constant([group]))
    lead = w.node("Slice", shape, w.constant([0]), w.constant([1]))
    rest = w.node("Slice", shape, w.constant([2]), w.constant([np.iinfo(np.int64).max]))
    wide = w.node("Concat", lead, w.constant([group]), channels, rest, axis=0)
    rank = rank_of(w, op.input[0])
    order = [0, 2, 1] + list(range(3, rank + 1))
    turned = w.node("Transpose", w.node("Reshape", x, wide), perm=order)
    return w.node("Reshape", turned, shape)


def dropout(w, op, arguments, x):
    if not arguments.get("is_test"):
        raise Refused("dropout in training: set is_test")
    return [w.node("Identity", x), "nothing"][: len(op.output)]


EXPORTS = {
    "Abs": plain("Abs"), "Acos": plain("Acos"), "Add": binary("Add"), "And": binary("And"),
    "ArgMax": arg("ArgMax"), "ArgMin": arg("ArgMin"), "Asin": plain("Asin"), "Atan": plain("Atan"),
    "AveragePool": pool("AveragePool", "GlobalAveragePool"), "BatchMatMul": matmul, "Cast": cast,
    "Ceil": plain("Ceil"), "ChannelShuffle": channel_shuffle, "Clip": clip, "Concat": concat,
    "ConstantFill": constant_fill, "Conv": conv, "ConvTranspose": conv_transpose, "Copy": same,
    "Cos": plain("Cos"), "Cosh": plain("Cosh"), "Cube": cube, "Div": binary("Div"),
    "Dropout": dropout, "EQ": binary("Equal"), "Elu": numbered("Elu", alpha=("alpha", 1.0)),
    "EnsureCPUOutput": same, "Erf": plain("Erf"), "Exp": plain("Exp"), "Expand": expand,
    "ExpandDims": dims("Unsqueeze"), "FC": fully_connected(False),
    "FCTransposed": fully_connected(True), "Flatten": flatten, "FlattenToVec": flatten_to_vec,
    "Floor": plain("Floor"), "GE": binary("GreaterOrEqual"), "GT": binary("Greater"),
    "Gather": gather, "GivenTensorBoolFill": given_fill("bool"),
    "GivenTensorFill": given_fill("float32"), "GivenTensorInt64Fill": given_fill("int64"),
    "GivenTensorIntFill": given_fill("int32"),
    "HardSigmoid": numbered("HardSigmoid", alpha=("alpha", 0.2), beta=("beta", 0.5)),
    "InstanceNorm": numbered("InstanceNormalization", epsilon=("epsilon", 1e-5)),
    "LE": binary("LessOrEqual"), "LRN": lrn, "LT": binary("Less"), "LayerNorm": layer_norm,
    "LeakyRelu": numbered("LeakyRelu", alpha=("alpha", 0.01)), "Log": plain("Log"),
    "MatMul": matmul, "Max": plain("Max"), "MaxPool": pool("MaxPool", "GlobalMaxPool"),
    "Mean": mean, "Min": plain("Min"), "Mul": binary("Mul"), "NE": unequal,
    "Negative": plain("Neg"), "Not": plain("Not"), "Or": binary("Or"), "PRelu": prelu,
    "PadImage": pad_image, "Pow": power, "Range": range_, "Reciprocal": plain("Reciprocal"),
    "ReduceL1": reduction("ReduceL1"), "ReduceL2": reduction("ReduceL2"),
    "ReduceMax": reduction("ReduceMax"), "ReduceMean": reduction("ReduceMean"),
    "ReduceMin": reduction("ReduceMin"), "ReduceSum": reduction("ReduceSum"),
    "Relu": plain("Relu"), "Reshape": reshape, "ResizeNearest": resize_nearest, "Rsqrt": rsqrt,
    "Scale": scale, "Selu": selu, "Shape": shape_, "Sigmoid": plain("Sigmoid"),
    "Sign": plain("Sign"), "Sin": plain("Sin"), "Sinh": plain("Sinh"), "Slice": slice_,
    "Softmax": softmax, "Softplus": plain("Softplus"), "Softsign": plain("Softsign"),
    "SpatialBN": batch_norm, "Split": split, "Sqr": sqr, "Sqrt": plain("Sqrt"),
    "Squeeze": dims("Squeeze"), "StopGradient": same, "Sub": binary("Sub"), "Sum": added,
    "Swish": swish, "Tan": plain("Tan"), "Tanh": plain("Tanh"), "Tile": tile, "TopK": top_k,
    "Transpose": transpose, "Where": plain("Where"), "Xor": binary("Xor"),
}  # fmt: skip
