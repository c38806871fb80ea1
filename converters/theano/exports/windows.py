"""Convolutions, pools, and normalization by channel. Python 3.6."""

import numpy as np
from interop.converters.theano.exports.writing import Refused, value_of
from theano.compile.sharedvalue import SharedVariable
from theano.gof.graph import Constant


def _kernel(variable, declared, rank):
    """The sizes of a convolution's window."""
    if isinstance(variable, Constant):
        shape = variable.data.shape
    elif isinstance(variable, SharedVariable):
        shape = variable.get_value(borrow=True).shape
    elif declared is not None and None not in declared[-rank:]:
        shape = [value_of(size, "a size") if hasattr(size, "owner") else size for size in declared]
    else:
        raise Refused("the shape of its weights is not known: give filter_shape")
    return [int(size) for size in shape[-rank:]]


def _pads(mode, kernel, holes):
    """ONNX's padding, before and after."""
    reach = [(size - 1) * hole for size, hole in zip(kernel, holes)]
    pairs = {
        "valid": [(0, 0)] * len(kernel),
        "half": [((r + 1) // 2, (r + 1) // 2) for r in reach],
        "full": [(r, r) for r in reach],
    }.get(mode if isinstance(mode, str) else None)
    if pairs is None:
        pairs = [one if isinstance(one, tuple) else (one, one) for one in mode]
    return [int(p[0]) for p in pairs] + [int(p[1]) for p in pairs]


def _weights(w, node, name, variable, rank):
    """The weights as ONNX slides them: Theano turns them around first, unless it is told not to."""
    if not getattr(node.op, "filter_flip", False):
        return name
    axes = list(range(2, 2 + rank))
    if isinstance(variable, SharedVariable):
        value = variable.get_value(borrow=True)
        return w.graph.constant(value[(Ellipsis,) + (slice(None, None, -1),) * rank], variable.name)
    back = [-np.iinfo(np.int64).max] * rank
    bounds = [w.constant(part) for part in ([-1] * rank, back, axes, [-1] * rank)]
    return w.node("Slice", name, *bounds)


def _geometry(node, variable, declared, rank):
    op = node.op
    if getattr(op, "unshared", False):
        raise Refused("weights of its own for each place")
    steps, holes = ([int(v) for v in part] for part in (op.subsample, op.filter_dilation))
    kernel = _kernel(variable, declared, rank)
    pads = _pads(op.border_mode, kernel, holes)
    return kernel, pads, {
        "strides": steps, "dilations": holes, "group": int(getattr(op, "num_groups", 1)),
    }  # fmt: skip


def conv(w, node, x, weights):
    rank = node.outputs[0].ndim - 2
    variable = node.inputs[1]
    kernel, pads, options = _geometry(node, variable, getattr(node.op, "kshp", None), rank)
    weights = _weights(w, node, weights, variable, rank)
    return w.node("Conv", x, weights, kernel_shape=kernel, pads=pads, **options)


def conv_grad_inputs(w, node, weights, x, *shape):
    """A transposed convolution, cut to the size that is asked for."""
    rank = node.outputs[0].ndim - 2
    variable = node.inputs[0]
    kernel, pads, options = _geometry(node, variable, getattr(node.op, "kshp", None), rank)
    weights = _weights(w, node, weights, variable, rank)
    if not shape:  # without strides there is one size only
        return w.node("ConvTranspose", x, weights, kernel_shape=kernel, pads=pads, **options)
    more = [step - 1 for step in options["strides"]]
    whole = w.node("ConvTranspose", x, weights, kernel_shape=kernel, output_padding=more, **options)
    if len(shape) == 1 and node.inputs[2].ndim == 1:
        sizes = w.cast(shape[0], node.inputs[2].type.dtype, "int64")
    else:
        sizes = w.vector(w.integers(node.inputs[2 : 2 + rank]))
    first = w.constant(pads[:rank])
    last = w.node("Add", first, sizes)
    return w.node("Slice", whole, first, last, w.constant(list(range(2, 2 + rank))))


def pool(w, node, x, *_):
    op, rank = node.op, node.inputs[0].ndim
    kernel, steps, pads = (
        [int(v) for v in value_of(part, "the window of a pool")] for part in node.inputs[1:4]
    )
    lead = rank - op.ndim
    if lead > 2:
        raise Refused("a pool of more than a batch and channels")
    x = w.unsqueeze(x, *range(2 - lead))
    options = {"kernel_shape": kernel, "strides": steps, "pads": pads + pads}
    if not op.ignore_border:
        options["ceil_mode"] = 1
    if op.mode == "max":
        result = w.node("MaxPool", x, **options)
    else:
        if op.mode == "sum" and not op.ignore_border:
            raise Refused("sums of windows that reach beyond the data")
        included = op.mode in ("average_inc_pad", "sum") and op.ignore_border
        result = w.node("AveragePool", x, count_include_pad=int(included), **options)
        if op.mode == "sum":
            count = w.constant(np.prod(kernel), node.outputs[0].type.dtype)
            result = w.node("Mul", result, count)
    return w.node("Squeeze", result, w.constant(list(range(2 - lead)))) if lead < 2 else result


def batch_norm_inference(w, node, x, scale, bias, mean, variance, epsilon):
    rank = node.inputs[0].ndim
    small = float(value_of(node.inputs[5], "epsilon"))
    if list(node.op.axes) == [0, *range(2, rank)]:
        flat = w.constant([-1])
        parts = [w.node("Reshape", part, flat) for part in (scale, bias, mean, variance)]
        return w.node("BatchNormalization", x, *parts, epsilon=small)
    added = w.node("Add", variance, w.constant(small, node.inputs[4].type.dtype))
    factor = w.node("Div", scale, w.node("Sqrt", added))
    return w.node("Add", w.node("Mul", w.node("Sub", x, mean), factor), bias)
