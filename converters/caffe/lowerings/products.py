"""Products with weights, reductions, and normalizations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from interop.converters.caffe.building import Net
from interop.converters.caffe.lowerings.common import Lowering, Node, power, shaped, sizes, weight
from interop.converters.caffe.lowerings.elementwise import negative, plus
from interop.converters.caffe.network import Word

from interop.source.values import Refusal, Value


def matmul(net: Net, node: Node, a: Value, b: Value) -> Value:
    """By a matrix of weights: an InnerProduct, over the last axis."""
    if b.constant is None or b.constant.ndim != 2:
        raise Refusal("a product of two computed tensors: Caffe's are with weights only")
    outputs = b.constant.shape[1]
    axis = a.known_rank - 1
    if axis == 0:
        raise Refusal("a product without a batch")
    fields = {} if axis == 1 else {"axis": axis}
    return net.add(
        "InnerProduct", [a], node.shape, [weight(b)], num_output=outputs, bias_term=False,
        **fields, transpose=True,
    )  # fmt: skip


def gemm(
    net: Net, node: Node, a: Value, b: Value, c: Value | None = None, *, alpha: float = 1.0,
    beta: float = 1.0, transA: int = 0, transB: int = 0,
) -> Value:  # fmt: skip
    array = b.required("the matrix")
    if transA:
        raise Refusal("the transpose of a computed tensor")
    outputs = array.shape[0] if transB else array.shape[1]
    blobs = [weight(b) if alpha == 1 else weight(b, array * np.float32(alpha), f"times_{alpha}")]
    own = c is not None and c.constant is not None and c.constant.size == outputs
    if own:
        assert c is not None
        assert c.constant is not None
        flat = c.constant.reshape(-1)
        if beta == 1 and flat.shape == c.constant.shape:
            blobs.append(weight(c))
        else:
            blobs.append(weight(c, flat * np.float32(beta), f"times_{beta}"))
    fields: dict[str, object] = {"num_output": outputs}
    if not own:
        fields["bias_term"] = False
    if not transB:
        fields["transpose"] = True
    y = net.add("InnerProduct", [a], node.shape, blobs, **fields)
    if c is None or own:
        return y
    if c.constant is not None:
        scaled = net.constant(f"{c.name}_times", (c.constant * beta).astype(np.float32))
        return plus(net, y, scaled)
    return plus(net, y, power(net, c, scale=beta))


def softmax(net: Net, node: Node, x: Value, *, axis: int = -1) -> Value:
    axis %= x.known_rank
    return net.add("Softmax", [x], None, **({} if axis == 1 else {"axis": axis}))


def lrn(
    net: Net, node: Node, x: Value, *, size: int, alpha: float = 1e-4, beta: float = 0.75,
    bias: float = 1.0,
) -> Value:  # fmt: skip
    if size % 2 == 0:
        raise Refusal("Caffe normalizes over an odd number of channels")
    return net.add("LRN", [x], None, local_size=size, alpha=alpha, beta=beta, k=bias)


def batch_normalization(
    net: Net, node: Node, x: Value, scale: Value, bias: Value, mean: Value, variance: Value, *,
    epsilon: float = 1e-5, momentum: float = 0.9, training_mode: int = 0,
) -> Value:  # fmt: skip
    """Two layers, as is usual in Caffe: by the statistics, then by scale and bias."""
    if training_mode:
        raise Refusal("training mode")
    # Caffe keeps sums, and by how many they are to be divided.
    factor = net.constant(f"{mean.name}_factor", np.ones(1, np.float32))
    statistics = [weight(mean), weight(variance), weight(factor)]
    options = {} if np.float32(epsilon) == np.float32(1e-5) else {"eps": epsilon}
    y = net.add("BatchNorm", [x], None, statistics, **options)
    return net.add("Scale", [y], None, [weight(scale), weight(bias)], bias_term=True)


def _behind(x: Value, axes: list[int]) -> int:
    """The first of the axes that are reduced, behind which nothing may be kept."""
    first = min(axes)
    kept = [size for axis, size in enumerate(sizes(x)) if axis > first and axis not in axes]
    if first == 0 or any(size != 1 for size in kept):
        raise Refusal("Caffe reduces the last axes only, and not the batch")
    return first


def _axes(x: Value, axes: Value | None, noop: int) -> list[int]:
    if axes is None or not axes.ints("the axes"):
        return [] if noop else list(range(x.known_rank))
    return [axis % x.known_rank for axis in axes.ints("the axes")]


def reduction(operation: str, after: Callable[[Net, Value], Value] | None = None) -> Lowering:
    """By Caffe's layer, over all axes from one on."""

    def lowering(
        net: Net, node: Node, x: Value, axes: Value | None = None, *, keepdims: int = 1,
        noop_with_empty_axes: int = 0,
    ) -> Value:  # fmt: skip
        along = _axes(x, axes, noop_with_empty_axes)
        if not along:
            return x
        first = _behind(x, along)
        y = net.add("Reduction", [x], sizes(x)[:first], operation=Word(operation), axis=first)
        y = shaped(net, y, node.shape)
        return y if after is None else after(net, y)

    return lowering


def logarithm(net: Net, x: Value) -> Value:
    return net.add("Log", [x], None)


def root(net: Net, x: Value) -> Value:
    return power(net, x, power=0.5)


def extreme(*, smallest: bool) -> Lowering:
    """The largest of the last axes, as a pool; or the smallest."""

    def lowering(
        net: Net, node: Node, x: Value, axes: Value | None = None, *, keepdims: int = 1,
        noop_with_empty_axes: int = 0,
    ) -> Value:  # fmt: skip
        along = _axes(x, axes, noop_with_empty_axes)
        if not along:
            return x
        first = _behind(x, along)
        shape = sizes(x)
        lead, tail = (
            int(np.prod([s or 0 for s in part])) for part in (shape[1:first], shape[first:])
        )
        image = shaped(net, negative(net, x) if smallest else x, (shape[0], lead, 1, tail))
        y = net.add(
            "Pooling", [image], (shape[0], lead, 1, 1), pool=Word("MAX"), global_pooling=True
        )
        y = shaped(net, y, node.shape)
        return negative(net, y) if smallest else y

    return lowering
