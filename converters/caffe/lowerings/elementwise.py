"""Operators that work entry by entry; how Caffe broadcasts."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from interop.converters.caffe.building import Net
from interop.converters.caffe.lowerings.common import (
    Lowering,
    Node,
    number,
    power,
    shaped,
    sizes,
    weight,
)
from interop.converters.caffe.network import Word

from interop.source.values import Refusal, Value


def _span(x: Value, small: tuple[int | None, ...]) -> tuple[int, int]:
    """The axes of `x`, from first to before last, along which something of shape `small` differs."""
    rank = x.known_rank
    if len(small) > rank:
        raise Refusal(f"'{x.name}' would get more axes")
    padded = (1,) * (rank - len(small)) + small
    differing = [axis for axis, size in enumerate(padded) if size != 1]
    return (differing[0], differing[-1] + 1) if differing else (rank, rank)


def _own(net: Net, x: Value, other: Value) -> tuple[Value, int]:
    """A constant operand as a weight whose axes are some of those of `x`, and the first of these."""
    array = other.required("an operand")
    first, last = _span(x, array.shape)
    wanted = sizes(x)[first:last]
    if None in wanted:
        raise Refusal(f"'{other.name}' says something for each of a batch")
    found = array.reshape(array.shape[max(0, array.ndim - x.known_rank + first) :])
    found = found.reshape(found.shape[: last - first])
    try:
        found = np.broadcast_to(found, [size or 0 for size in wanted])
    except ValueError as error:
        raise Refusal(f"'{x.name}' is itself broadcast") from error
    form = "" if found.shape == array.shape else "x".join(map(str, found.shape))
    return weight(other, found, form), first


def _beside(net: Net, x: Value, other: Value) -> tuple[Value, int]:
    """A computed operand in the shape of its own axes among those of `x`, and the first of these."""
    small = sizes(other)
    first, last = _span(x, small)
    wanted = sizes(x)[first:last]
    found = ((1,) * (x.known_rank - len(small)) + small)[first:last]
    if found != wanted:
        raise Refusal(f"'{other.name}' is broadcast in a way that Caffe is not able to")
    return shaped(net, other, wanted), first


def _combined(net: Net, a: Value, b: Value, layer: str, operation: str) -> Value:
    """A sum or product: by Eltwise, or by a layer that broadcasts the smaller operand."""
    if a.constant is not None:
        a, b = b, a
    if a.constant is not None:
        raise Refusal("both operands are constant")
    if b.constant is not None:
        blob, axis = _own(net, a, b)
        # A number for each sample is kept as such: no axes at all.
        return net.add(layer, [a], None, [blob], **_axes(axis, len(blob.shape or ())))
    if a.shape is not None and a.shape == b.shape:
        return net.add("Eltwise", [a, b], None, operation=Word(operation))
    if b.known_rank > a.known_rank or _volume(b) > _volume(a):
        a, b = b, a
    other, axis = _beside(net, a, b)
    return net.add(layer, [a, other], None, axis=axis)


def _axes(axis: int, count: int) -> dict[str, int]:
    return {"axis": axis if count else 0, "num_axes": count}


def _volume(x: Value) -> int:
    return int(np.prod([size for size in sizes(x) if size is not None])) * 2 ** sizes(x).count(None)


def plus(net: Net, a: Value, b: Value) -> Value:
    for x, other in ((a, b), (b, a)):
        term = number(other)
        if term is not None and x.constant is None and _keeps(x, other):
            return power(net, x, shift=term)
    return _combined(net, a, b, "Bias", "SUM")


def times(net: Net, a: Value, b: Value) -> Value:
    for x, other in ((a, b), (b, a)):
        factor = number(other)
        if factor is not None and x.constant is None and _keeps(x, other):
            return power(net, x, scale=factor)
    return _combined(net, a, b, "Scale", "PROD")


def _keeps(x: Value, other: Value) -> bool:
    """Whether the result has the axes of `x`."""
    return len(other.shape or ()) <= x.known_rank


def _changed(
    net: Net, value: Value, form: str, function: Callable[[np.ndarray], np.ndarray]
) -> Value:
    """A constant by a function that is applied now."""
    array = np.asarray(function(value.required("an operand").astype(np.float64)), np.float32)
    return net.constant(f"{value.name}_{form}", array)


def negative(net: Net, x: Value) -> Value:
    if x.constant is not None:
        return _changed(net, x, "negative", np.negative)
    return power(net, x, scale=-1.0)


def minus(net: Net, a: Value, b: Value) -> Value:
    if a.constant is None and b.constant is None and a.shape == b.shape:
        return net.add("Eltwise", [a, b], None, operation=Word("SUM"), coeff=[1, -1])
    return plus(net, a, negative(net, b))


def over(net: Net, a: Value, b: Value) -> Value:
    if b.constant is not None:
        return times(net, a, _changed(net, b, "reciprocal", np.reciprocal))
    return times(net, a, power(net, b, power=-1.0))


def larger(net: Net, a: Value, b: Value) -> Value:
    if a.constant is not None:
        a, b = b, a
    if number(b) == 0 and _keeps(a, b):
        return net.add("ReLU", [a], None)
    if b.constant is None and a.shape == b.shape:
        return net.add("Eltwise", [a, b], None, operation=Word("MAX"))
    if b.constant is None and (b.known_rank > a.known_rank or _volume(b) > _volume(a)):
        a, b = b, a
    nothing = net.add(
        "Power", [a], None, scale=0.0
    )  # zeros as many as `a` has entries, whatever they are
    term = number(b)
    filled = (
        net.add("Power", [a], None, scale=0.0, shift=term)
        if term is not None and _keeps(a, b)
        else plus(net, nothing, b)
    )
    return net.add("Eltwise", [a, filled], None, operation=Word("MAX"))


def smaller(net: Net, a: Value, b: Value) -> Value:
    return negative(net, larger(net, negative(net, a), negative(net, b)))


def binary(function: Callable[[Net, Value, Value], Value]) -> Lowering:
    def lowering(net: Net, node: Node, a: Value, b: Value) -> Value:
        return function(net, a, b)

    return lowering


def variadic(function: Callable[[Net, Value, Value], Value]) -> Lowering:
    def lowering(net: Net, node: Node, *values: Value) -> Value:
        return functools.reduce(lambda a, b: function(net, a, b), values)

    return lowering


def mean(net: Net, node: Node, *values: Value) -> Value:
    total = functools.reduce(lambda a, b: plus(net, a, b), values)
    return power(net, total, scale=1 / len(values))


def neg(net: Net, node: Node, x: Value) -> Value:
    return negative(net, x)


def to_the(exponent: float) -> Lowering:
    def lowering(net: Net, node: Node, x: Value) -> Value:
        return power(net, x, power=exponent)

    return lowering


def pow_(net: Net, node: Node, x: Value, y: Value) -> Value:
    exponent = number(y)
    if exponent is None or not _keeps(x, y):
        raise Refusal("a power that is no constant number")
    return power(net, x, power=exponent)


def clip(
    net: Net, node: Node, x: Value, low: Value | None = None, high: Value | None = None
) -> Value:
    if low is not None:
        low.required("a bound")
        x = larger(net, x, low)
    if high is not None:
        high.required("a bound")
        x = smaller(net, x, high)
    return x


def _between(net: Net, x: Value, low: float, high: float) -> Value:
    bounds = [net.constant(f"bound_{bound}", np.float32(bound)[...]) for bound in (low, high)]
    return smaller(net, larger(net, x, bounds[0]), bounds[1])


def relu(net: Net, node: Node, x: Value) -> Value:
    return net.add("ReLU", [x], None)


def leaky_relu(net: Net, node: Node, x: Value, *, alpha: float = 0.01) -> Value:
    return net.add("ReLU", [x], None, negative_slope=alpha)


def prelu(net: Net, node: Node, x: Value, slope: Value) -> Value:
    """One slope for all, or one a channel."""
    single = number(slope)
    if single is not None:
        return net.add("ReLU", [x], None, negative_slope=single)
    blob, axis = _own(net, x, slope)
    if axis != 1 or len(blob.shape or ()) != 1:
        raise Refusal("slopes that are not one a channel")
    return net.add("PReLU", [x], None, [blob])


def elu(net: Net, node: Node, x: Value, *, alpha: float = 1.0) -> Value:
    return net.add("ELU", [x], None, alpha=alpha)


def selu(
    net: Net, node: Node, x: Value, *, alpha: float = 1.67326319217681884765625,
    gamma: float = 1.05070102214813232421875,
) -> Value:  # fmt: skip
    return power(net, net.add("ELU", [x], None, alpha=alpha), scale=gamma)


def hard_sigmoid(net: Net, node: Node, x: Value, *, alpha: float = 0.2, beta: float = 0.5) -> Value:
    return _between(net, power(net, x, scale=alpha, shift=beta), 0.0, 1.0)


def hard_swish(net: Net, node: Node, x: Value) -> Value:
    return times(net, x, _between(net, power(net, x, scale=1 / 6, shift=0.5), 0.0, 1.0))


def swish(net: Net, node: Node, x: Value, *, alpha: float = 1.0) -> Value:
    return times(net, x, net.add("Sigmoid", [power(net, x, scale=alpha)], None))


def thresholded_relu(net: Net, node: Node, x: Value, *, alpha: float = 1.0) -> Value:
    return times(net, x, net.add("Threshold", [x], None, threshold=alpha))


def same(net: Net, node: Node, x: Value) -> Value:
    return x


def dropout(
    net: Net, node: Node, x: Value, ratio: Value | None = None, training: Value | None = None, *,
    seed: int | None = None,
) -> Value:  # fmt: skip
    """Nothing, outside training."""
    if training is not None and (training.constant is None or training.constant.any()):
        raise Refusal("dropout in training mode")
    return x
