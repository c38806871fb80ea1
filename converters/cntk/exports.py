"""How each CNTK operator is written as ONNX: name → converter(graph, node, *operands). Python 3.6.

A converter returns the name of its result. ONNX's axes are those that CNTK does not show (the batch,
perhaps a sequence), then CNTK's own. CNTK numbers its axes from the last one: what Python calls
axis 0 of three is static axis 2, or -1 in what blocks keep.
"""

import numpy as np


class Refused(Exception):
    """A node that has no ONNX form here; the text says why."""


def hidden(node):
    """How many dynamic axes stand before the static ones."""
    return len(node.outputs[0].dynamic_axes)


def onnx_axis(node, axis):
    """An axis of an attribute, ("ordered", "static", index), as ONNX counts."""
    kind, index = axis[1], axis[2]
    if kind != "static":
        raise Refused("it works along a dynamic axis")
    rank = len(node.inputs[0].shape)
    return hidden(node) + (rank - 1 - index if index >= 0 else -index - 1)


def axes_of(node):
    attributes = node.attributes
    axes = attributes["axisVec"] if "axisVec" in attributes else [attributes["axis"]]
    return [onnx_axis(node, axis) for axis in axes]


def integers(graph, values):
    return graph.constant(np.array(values, np.int64), "sizes")


def reshaped(graph, node, x, shape):
    """`x` with these static sizes; the dynamic ones are kept."""
    if any(size < 0 for size in shape):
        raise Refused("its shape is not known")
    return graph.node("Reshape", [x, integers(graph, [0] * hidden(node) + list(shape))])


def each(operator):
    def convert(graph, node, x):
        return graph.node(operator, [x])

    return convert


def aligned(graph, node, operands):
    """Operands of a broadcast, whose static axes end together, with as many axes as the result."""
    rank = len(node.outputs[0].shape)
    found = []
    for variable, name in zip(node.inputs, operands):
        lead, shape = len(variable.dynamic_axes), [int(size) for size in variable.shape]
        if lead and len(shape) < rank:
            sizes = [0] * lead + [1] * (rank - len(shape)) + shape
            name = graph.node("Reshape", [name, integers(graph, sizes)])
        if lead and lead != hidden(node):
            raise Refused("its operands have different dynamic axes")
        found.append(name)
    return found


def binary(operator):
    def convert(graph, node, *operands):
        return graph.node(operator, aligned(graph, node, operands))

    return convert


def last_of(operator, *names):
    """A block whose constants are attributes, too; its data come last."""

    def convert(graph, node, *operands):
        given = {name: float(node.attributes[name]) for name in names}
        return graph.node(operator, [operands[-1]], **given)

    return convert


def elu(graph, node, *operands):
    return graph.node("Elu", [operands[-1]], alpha=float(node.attributes.get("alpha", 1.0)))


def same(graph, node, *operands):
    return graph.node("Identity", [operands[0]])


def clip(graph, node, x, low, high):
    if any(int(np.prod(variable.shape)) != 1 for variable in node.inputs[1:]):
        raise Refused("bounds that are no numbers")
    empty = integers(graph, []) if any(len(v.shape) for v in node.inputs[1:]) else None
    bounds = [b if empty is None else graph.node("Reshape", [b, empty]) for b in (low, high)]
    return graph.node("Clip", [x] + bounds)


def select(graph, node, *operands):
    flag, yes, no = aligned(graph, node, operands)
    zero = graph.constant(np.float32(0), "zero")
    unequal = graph.node("Not", [graph.node("Equal", [flag, zero])])
    return graph.node("Where", [unequal, yes, no])


def comparison(operator, negated=False):
    """1 or 0, of float32."""

    def convert(graph, node, *operands):
        answer = graph.node(operator, aligned(graph, node, operands))
        return graph.node("Cast", [graph.node("Not", [answer]) if negated else answer], to=1)

    return convert


def log_plus(graph, node, *operands):
    """log(exp a + exp b), the larger taken out."""
    a, b = aligned(graph, node, operands)
    gap = graph.node("Neg", [graph.node("Abs", [graph.node("Sub", [a, b])])])
    return graph.node("Add", [graph.node("Max", [a, b]), graph.node("Softplus", [gap])])


def softplus(graph, node, *operands):
    return graph.node("Softplus", [operands[-1]])


def softmax(operator):
    def convert(graph, node, x):
        if "axis" in node.attributes:
            return graph.node(operator, [x], axis=axes_of(node)[0])
        if len(node.inputs[0].shape) != 1:
            raise Refused("it is over several axes at once")
        return graph.node(operator, [x], axis=-1)

    return convert


def spatial(node, name, rank, default):
    """A geometry's attribute for the last `rank` axes; a single entry stands for all."""
    values = list(node.attributes.get(name, ())) or [default]
    values = values[-rank:] if len(values) >= rank else [values[0]] * (rank - len(values)) + values
    return [int(value) for value in values]


def window(node, kernel, operand):
    """Strides, dilations and pads as ONNX has them.

    What CNTK pads by itself has its windows' centres as far from one end as from the other.
    """
    rank = len(kernel)
    sizes = [int(size) for size in operand.shape[-rank:]]
    results = [int(size) for size in node.outputs[0].shape[-rank:]]
    strides, holes = spatial(node, "strides", rank, 1), spatial(node, "dilation", rank, 1)
    own = spatial(node, "autoPadding", rank, 0)
    low, high = spatial(node, "lowerPad", rank, 0), spatial(node, "upperPad", rank, 0)
    for i in range(rank):
        if own[i]:
            reach = (kernel[i] - 1) * holes[i] + 1
            left = sizes[i] - 1 - (results[i] - 1) * strides[i]
            low[i] = (reach - 1) // 2 - left // 2
            high[i] = (results[i] - 1) * strides[i] + reach - sizes[i] - low[i]
            if low[i] < 0:
                raise Refused("windows that leave out the beginning of their data")
            high[i] = max(0, high[i])  # what they leave out of the end, ONNX leaves out, too
    return {"strides": strides, "dilations": holes, "pads": low + high}


def one_sequence_less(node):
    if hidden(node) > 1:
        raise Refused("a window in a sequence")


def convolution(graph, node, w, x):
    attributes, weights = node.attributes, node.inputs[0]
    one_sequence_less(node)
    if attributes["transpose"] or attributes["sequential"] or not all(attributes["sharing"]):
        raise Refused("a transposed, sequential or unshared convolution")
    if len(weights.shape) != len(node.inputs[1].shape) + 1:
        raise Refused("a convolution without channels")
    kernel = [int(size) for size in weights.shape[2:]]
    options = window(node, kernel, node.inputs[1])
    groups = int(attributes["groups"])
    return graph.node("Conv", [x, w], kernel_shape=kernel, group=groups, **options)


def pooling(graph, node, x):
    attributes = node.attributes
    one_sequence_less(node)
    kernel = [int(size) for size in attributes["poolingWindowShape"]]
    rank = len(node.inputs[0].shape) - 1
    if len(kernel) > rank and set(kernel[:-rank]) == {1}:
        kernel = kernel[-rank:]
    if len(kernel) != rank:
        raise Refused("a pool over channels")
    options = window(node, kernel, node.inputs[0])
    del options["dilations"]
    if attributes["ceilOutDim"]:
        options["ceil_mode"] = 1
    if attributes["poolingType"] == 0:
        return graph.node("MaxPool", [x], kernel_shape=kernel, **options)
    options["count_include_pad"] = int(attributes["includePad"])
    return graph.node("AveragePool", [x], kernel_shape=kernel, **options)


def batch_normalization(graph, node, x, scale, bias, mean, variance, *count):
    if hidden(node) > 1:
        raise Refused("a normalization in a sequence")
    parts = [scale, bias, mean, variance]
    shapes = [variable.shape for variable in node.inputs[1:5]]
    channels = int(node.inputs[0].shape[0])
    if not node.attributes["spatial"] and len(node.inputs[0].shape) > 1:
        raise Refused("a normalization of every entry by itself")
    if any(int(np.prod(shape)) != channels for shape in shapes):
        raise Refused("statistics of another size than the channels")
    flat = [
        part if len(shape) == 1 else graph.node("Reshape", [part, integers(graph, [-1])])
        for part, shape in zip(parts, shapes)
    ]
    epsilon = float(node.attributes["epsilon"])
    return graph.node("BatchNormalization", [x] + flat, epsilon=epsilon)


def pad(graph, node, x):
    modes = ["constant", "reflect"]
    attributes = node.attributes
    if attributes["paddingMode"] >= len(modes):
        raise Refused("symmetric padding")
    kept = [0] * hidden(node)
    before, after = (list(attributes[end])[::-1] for end in ("paddingHead", "paddingFoot"))
    pads = integers(graph, kept + before + kept + after)
    value = graph.constant(np.float32(attributes["paddingConstantValue"]), "value")
    return graph.node("Pad", [x, pads, value], mode=modes[attributes["paddingMode"]])


def reduction(graph, node, x):
    if not node.outputs[0].shape:
        # CNTK ends the process when the attributes of such a node are read.
        raise Refused("it reduces all axes at once, and not each by its number")
    operators = {
        "Sum": "ReduceSum", "Mean": "ReduceMean", "Max": "ReduceMax", "Min": "ReduceMin",
        "Prod": "ReduceProd", "LogSum": "ReduceLogSumExp",
    }  # fmt: skip
    attributes = node.attributes
    if attributes["reductionOpName"] not in operators:
        raise Refused("a reduction by {}".format(attributes["reductionOpName"]))
    operator, axes = operators[attributes["reductionOpName"]], axes_of(node)
    keep = int(attributes["reductionKeepDimensions"])
    if operator == "ReduceSum":
        return graph.node(operator, [x, integers(graph, axes)], keepdims=keep)
    return graph.node(operator, [x], axes=axes, keepdims=keep)


def reshape(graph, node, x):
    return reshaped(graph, node, x, [int(size) for size in node.outputs[0].shape])


def transpose_axes(graph, node, x):
    attributes, lead = node.attributes, hidden(node)
    order = list(range(lead + len(node.inputs[0].shape)))
    if "axisVec" in attributes:  # CNTK's list is of its own order of axes, the last first
        order[lead:] = [onnx_axis(node, axis) for axis in attributes["axisVec"]][::-1]
    else:
        one, other = (onnx_axis(node, attributes[name]) for name in ("axis1", "axis2"))
        order[one], order[other] = other, one
    return graph.node("Transpose", [x], perm=order)


def splice(graph, node, *operands):
    return graph.node("Concat", list(operands), axis=axes_of(node)[0])


def slice_(graph, node, x):
    attributes = node.attributes
    if "axisVec" in attributes:
        names = ["beginIndexVec", "endIndexVec", "sliceStridesVec"]
        begin, end, steps = (list(attributes[name]) for name in names)
    else:
        names = ["beginIndex", "endIndex", "sliceStrides"]
        begin, end, steps = ([attributes[name]] for name in names)
    axes = axes_of(node)
    # To CNTK, an end of 0 is the end of the axis.
    end = [int(node.inputs[0].shape[a - hidden(node)]) if e == 0 else e for a, e in zip(axes, end)]
    given = [integers(graph, values) for values in (begin, end, axes, steps)]
    return graph.node("Slice", [x] + given)


def times(graph, node, a, b):
    """The last axes of `a` with the first of `b`, but for the `outputRank` last of `b`."""
    left, right = node.inputs
    free = int(node.attributes["outputRank"])
    inner = len(right.shape) - free
    if inner < 1 or inner > len(left.shape):
        raise Refused("a product with nothing in common")
    common = int(np.prod(right.shape[:inner]))
    outer = [int(size) for size in left.shape[: len(left.shape) - inner]]
    wide = int(np.prod(right.shape[inner:]))
    if not right.dynamic_axes:
        b = graph.node("Reshape", [b, integers(graph, [common, wide])])
        a = graph.node("Reshape", [a, integers(graph, [0] * hidden(node) + outer + [common])])
        product = graph.node("MatMul", [a, b])
    elif not left.dynamic_axes and len(outer) == 1 and free == 0:
        a = graph.node("Reshape", [a, integers(graph, [outer[0], common])])
        b = graph.node("Reshape", [b, integers(graph, [0] * hidden(node) + [common])])
        product = graph.node("MatMul", [b, graph.node("Transpose", [a], perm=[1, 0])])
    elif len(outer) == 1 and inner == 1 and free == 1:
        product = graph.node("MatMul", [a, b])
    else:
        raise Refused("a product of two results with so many axes")
    return reshaped(graph, node, product, [int(size) for size in node.outputs[0].shape])


def times_transposed(graph, node, a, b):
    """The last axis of `a` with that of the matrix `b`."""
    right = node.inputs[1]
    if right.dynamic_axes or len(right.shape) not in (1, 2):
        raise Refused("a product with what is no matrix of weights")
    common = int(right.shape[-1])
    b = graph.node("Reshape", [b, integers(graph, [-1, common])])
    product = graph.node("MatMul", [a, graph.node("Transpose", [b], perm=[1, 0])])
    return reshaped(graph, node, product, [int(size) for size in node.outputs[0].shape])


EXPORTS = {
    "Abs": each("Abs"),
    "BatchNormalization": batch_normalization,
    "Ceil": each("Ceil"),
    "Clip": clip,
    "Combine": same,
    "Convolution": convolution,
    "Cos": each("Cos"),
    "Dropout": same,
    "ELU": elu,
    "ElementDivide": binary("Div"),
    "ElementMax": binary("Max"),
    "ElementMin": binary("Min"),
    "ElementTimes": binary("Mul"),
    "Equal": comparison("Equal"),
    "Exp": each("Exp"),
    "Floor": each("Floor"),
    "Greater": comparison("Greater"),
    "GreaterEqual": comparison("Less", negated=True),
    "LeakyReLU": last_of("LeakyRelu", "alpha"),
    "Less": comparison("Less"),
    "LessEqual": comparison("Greater", negated=True),
    "Log": each("Log"),
    "LogPlus": log_plus,
    "LogSoftmax": softmax("LogSoftmax"),
    "Minus": binary("Sub"),
    "Negate": each("Neg"),
    "NoOp": same,
    "NotEqual": comparison("Equal", negated=True),
    "Pad": pad,
    "Pass": same,
    "Plus": binary("Add"),
    "Pooling": pooling,
    "Pow": binary("Pow"),
    "ReLU": each("Relu"),
    "Reciprocal": each("Reciprocal"),
    "ReduceElements": reduction,
    "Reshape": reshape,
    "SELU": last_of("Selu", "alpha", "gamma"),
    "Select": select,
    "Sigmoid": each("Sigmoid"),
    "Sin": each("Sin"),
    "Slice": slice_,
    "Softmax": softmax("Softmax"),
    "Softplus": softplus,
    "Splice": splice,
    "Sqrt": each("Sqrt"),
    "StableSigmoid": each("Sigmoid"),
    "StopGradient": same,
    "Tanh": each("Tanh"),
    "Times": times,
    "TransposeAxes": transpose_axes,
    "TransposeTimes": times_transposed,
}
