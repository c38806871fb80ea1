"""Shapes: onnx's own inference, and what it leaves open.

onnx does not follow sizes through arithmetic, nor shapes around a loop. Here the sizes that come from
`Shape` are followed (interop.source.sizes), which gives Reshape and its like a rank and what is
known of their dimensions; and a loop's carried values are taken to keep the shape that they start
with, which inference over the body then has to confirm.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import onnx_ir as ir

from interop.source.sizes import Size, Sizes, compute
from interop.source.values import Constant, NonNegative, Value

#: onnx's inference of a whole model, in place or not.
Infer = Callable[[ir.Model], ir.Model]

Dims = list[int | str | None]

#: Ends of slices from here on mean "to the end": the least that an exporter (tf2onnx) writes for it.
_TO_THE_END = 10**9

#: Rounds of "ours, then onnx's"; each pushes shapes through at least one more Reshape in a row.
_ROUNDS = 8


def infer_shapes(model: ir.Model, infer: Infer) -> ir.Model:
    """`model` with every shape filled in that follows; dimensions that do not are left unknown."""
    model = _settle(model, infer)
    candidates = _carried(model)
    while candidates:
        trial = _settle(_assume(model.clone(), candidates), infer)
        confirmed = _confirmed(trial, candidates)
        if confirmed == candidates:
            return trial
        candidates = confirmed
    return model


def _settle(model: ir.Model, infer: Infer) -> ir.Model:
    model = infer(model)
    _forget_invented(model)
    for _ in range(_ROUNDS):
        if not _complete(model):
            break
        model = infer(model)
        _forget_invented(model)
    return model


def _forget_invented(model: ir.Model) -> None:
    """onnx calls each dimension that it does not know `unk__<n>`: nothing that could be told apart."""
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        for value in node.outputs:
            dims = _shape(value)
            if dims is not None and any(_invented(dim) for dim in dims):
                value.shape = ir.Shape([None if _invented(dim) else dim for dim in dims])


def _invented(dim: int | str | None) -> bool:
    return isinstance(dim, str) and dim.startswith("unk__")


def _complete(model: ir.Model) -> bool:
    """Fill in what sizes say; returns whether that was anything new."""
    sizes = Followed()
    changed = False
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        if node.domain != "":
            continue
        sizes.follow(node)
        rule = _RULES.get(node.op_type)
        dims = None if rule is None else rule(node, sizes)
        if dims is not None:
            changed |= _refine(node.outputs[0], dims)
        if node.op_type == "Split":
            changed |= _split(node, sizes)
    return changed


def _refine(value: ir.Value, dims: Dims) -> bool:
    if value.shape is None:
        value.shape = ir.Shape(dims)
        return True
    if len(value.shape) != len(dims):
        return False
    new = [
        dim if isinstance(old, ir.SymbolicDim) and old.value is None else old
        for old, dim in zip(value.shape, dims, strict=True)
    ]
    if ir.Shape(new) == value.shape:
        return False
    value.shape = ir.Shape(new)
    return True


class Followed:
    """The integer vectors of a graph whose entries are known, or known to be some dimension."""

    def __init__(self) -> None:
        self._sizes: dict[ir.Value, Value] = {}

    def follow(self, node: ir.Node) -> None:
        """Take note of what `node` (what it reads was followed before it) makes of sizes."""
        if node.op_type == "Split":
            self._split(node)
        if len(node.outputs) != 1:
            return
        attributes = {name: attribute.value for name, attribute in node.attributes.items()}
        if node.op_type in ("Shape", "Size"):
            dims = _shape(node.inputs[0])
            if dims is None:
                return
            inputs: list[Value | None] = [_Measured(dims)]
        else:
            inputs = [None if value is None else self.value(value) for value in node.inputs]
        answer = compute(node.op_type, inputs, attributes)
        if answer is not None:
            sizes, scalar = answer
            self._note(node.outputs[0], sizes, scalar)

    def _split(self, node: ir.Node) -> None:
        data = node.inputs[0]
        sizes = None if data is None else self._sizes.get(data)
        elements = None if sizes is None else sizes.elements
        if elements is not None and len(elements) == len(node.outputs):  # into single ones
            for output, size in zip(node.outputs, elements, strict=True):
                self._note(output, [size], scalar=False)

    def _note(self, value: ir.Value, sizes: list[Size], scalar: bool) -> None:
        self._sizes[value] = Sizes(
            "", sizes, scalar=scalar, dtype="int64", tensor=lambda value, dtype: "?"
        )

    def value(self, value: ir.Value) -> Value:
        if value in self._sizes:
            return self._sizes[value]
        constant = value.const_value
        if constant is not None and constant.size <= 64:
            return Constant(value.name or "", constant.numpy(), lambda *_: "?")
        return Value(value.name or "", None, None, lambda: "?")

    def dims(self, value: ir.Value | None) -> Dims | None:
        """The entries of a vector of sizes: numbers, names of dimensions, None for anything else."""
        if value is None:
            return None
        elements = self.value(value).elements
        if elements is not None:
            return [_dim(size) for size in elements]
        if value.shape is not None and len(value.shape) == 1 and isinstance(value.shape[0], int):
            return [None] * value.shape[0]
        return None


class _Dimension(NonNegative):
    """A named dimension of the model, as a size."""


class _Measured(Value):
    """A tensor as `Shape` sees it, with the names of its unknown dimensions."""

    def __init__(self, shape: Dims) -> None:
        super().__init__("", None, tuple(d if isinstance(d, int) else None for d in shape), str)
        self._dims = shape

    def size(self, axis: int) -> Size:
        dim = self._dims[axis]
        if isinstance(dim, int):
            return dim
        return NonNegative("?") if dim is None else _Dimension(dim)


def _dim(size: Size) -> int | str | None:
    if isinstance(size, int):
        return size
    return size.text if isinstance(size, _Dimension) else None


def _shape(value: ir.Value | None) -> Dims | None:
    if value is None or value.shape is None:
        return None
    return [dim if isinstance(dim, int) else dim.value for dim in value.shape]


def _reshape(node: ir.Node, sizes: Followed) -> Dims | None:
    wanted, data = sizes.dims(node.inputs[1]), _shape(node.inputs[0])
    if wanted is None:
        return None
    zero_copies = not node.attributes.get_int("allowzero", 0)
    dims: Dims = []
    for axis, dim in enumerate(wanted):
        if dim == 0 and zero_copies:
            dims.append(data[axis] if data is not None and axis < len(data) else None)
        else:
            dims.append(dim)
    if -1 in dims:
        place = dims.index(-1)
        dims[place] = _remaining(data, dims[:place] + dims[place + 1 :])
    return dims


def _remaining(data: Dims | None, others: Dims) -> int | str | None:
    """What -1 stands for: the product of `data` over that of the `others`, where both are known."""
    if data is None:
        return None
    given, taken = list(data), list(others)
    for dim in others:  # a dimension on both sides cancels, known or not
        if dim is not None and dim in given:
            given.remove(dim)
            taken.remove(dim)
    unknown = [dim for dim in given if not isinstance(dim, int)]
    total = math.prod(dim for dim in given if isinstance(dim, int))
    divisor = math.prod(dim for dim in taken if isinstance(dim, int))
    if len(unknown) > 1 or not all(isinstance(dim, int) for dim in taken) or divisor == 0:
        return None
    if unknown:
        return unknown[0] if total == divisor else None
    return total // divisor


def _expand(node: ir.Node, sizes: Followed) -> Dims | None:
    wanted, data = sizes.dims(node.inputs[1]), _shape(node.inputs[0])
    if wanted is None or data is None:
        return None
    rank = max(len(wanted), len(data))
    pairs = zip([1] * (rank - len(data)) + data, [1] * (rank - len(wanted)) + wanted, strict=True)
    return [_broadcast(a, b) for a, b in pairs]


def _broadcast(a: int | str | None, b: int | str | None) -> int | str | None:
    if a == 1:
        return b
    if b == 1 or a == b:
        return a
    known = [dim for dim in (a, b) if isinstance(dim, int) and dim > 1]
    return known[0] if known else None


def _split(node: ir.Node, sizes: Followed) -> bool:
    """The parts' sizes where they are given; onnx wants to know the size of the whole first."""
    data = _shape(node.inputs[0])
    parts = sizes.dims(node.inputs[1]) if len(node.inputs) > 1 else None
    if data is None or parts is None:
        return False
    axis, changed = node.attributes.get_int("axis", 0) % len(data), False
    for output, size in zip(node.outputs, parts, strict=False):
        changed |= _refine(output, [*data[:axis], size, *data[axis + 1 :]])
    return changed


def _filled(node: ir.Node, sizes: Followed) -> Dims | None:
    return sizes.dims(node.inputs[0])


def _tiled(node: ir.Node, sizes: Followed) -> Dims | None:
    repeats, data = sizes.dims(node.inputs[1]), _shape(node.inputs[0])
    if data is None:
        return None
    if repeats is None or len(repeats) != len(data):
        return [None] * len(data)
    return [
        a * b if isinstance(a, int) and isinstance(b, int) else a if b == 1 else None
        for a, b in zip(data, repeats, strict=True)
    ]


def _same_rank(node: ir.Node, sizes: Followed) -> Dims | None:
    data = _shape(node.inputs[0])
    return None if data is None else [None] * len(data)


def _ranged(node: ir.Node, sizes: Followed) -> Dims | None:
    """From zero in steps of one, there are as many numbers as the limit says."""
    start, limit, step = (sizes.dims(value) for value in node.inputs)
    return limit if start == [0] and step == [1] and limit is not None else [None]


def _sliced(node: ir.Node, sizes: Followed) -> Dims | None:
    """The axes that are not cut keep their size, those taken from start to end among them."""
    data = _shape(node.inputs[0])
    if data is None:
        return None
    starts, ends = sizes.dims(node.inputs[1]), sizes.dims(node.inputs[2])
    given = [sizes.dims(value) if value is not None else None for value in node.inputs[3:]]
    if starts is None or ends is None or (len(node.inputs) > 3 and given[0] is None):
        return [None] * len(data)
    axes = given[0] if given and given[0] is not None else list(range(len(starts)))
    steps = given[1] if len(given) > 1 and given[1] is not None else [1] * len(starts)
    dims: Dims = list(data)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        if not isinstance(axis, int):
            return [None] * len(data)
        size, bounds = dims[axis], (start, end, step)
        if isinstance(size, int) and all(isinstance(bound, int) for bound in bounds):
            dims[axis] = len(range(*slice(*bounds).indices(size)))
        elif start != 0 or step != 1 or not isinstance(end, int) or end < _TO_THE_END:
            dims[axis] = None
    return dims


def _squeezed(node: ir.Node, sizes: Followed) -> Dims | None:
    data = _shape(node.inputs[0])
    axes = sizes.dims(node.inputs[1]) if len(node.inputs) > 1 else None
    return None if data is None or axes is None else [None] * (len(data) - len(axes))


def _unsqueezed(node: ir.Node, sizes: Followed) -> Dims | None:
    data, axes = _shape(node.inputs[0]), sizes.dims(node.inputs[1])
    return None if data is None or axes is None else [None] * (len(data) + len(axes))


_RULES: dict[str, Callable[[ir.Node, Followed], Dims | None]] = {
    "ConstantOfShape": _filled,
    "CumSum": _same_rank,
    "Expand": _expand,
    "Pad": _same_rank,
    "Range": _ranged,
    "RandomNormalLike": _same_rank,
    "RandomUniformLike": _same_rank,
    "Reshape": _reshape,
    "Resize": _same_rank,
    "Slice": _sliced,
    "Squeeze": _squeezed,
    "Tile": _tiled,
    "TopK": _same_rank,
    "Unsqueeze": _unsqueezed,
}

#: A carried value of a loop: (node, index among its carried values) → the dimensions that are taken
#: to stay; None for one that may change.
Carried = dict[tuple[str, int], Dims]


def _body(node: ir.Node) -> tuple[ir.Graph, int, int, int] | None:
    """Of a loop: its body, where the carried values begin (node inputs, body inputs, outputs)."""
    if node.domain != "" or "body" not in node.attributes:
        return None
    body = node.attributes["body"].as_graph()
    if node.op_type == "Loop":
        return body, 2, 2, 1
    return (body, 0, 0, 0) if node.op_type == "Scan" else None


def _carried(model: ir.Model) -> Carried:
    found: Carried = {}
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        loop = _body(node)
        if loop is None or node.name is None:
            continue
        body, first, inner, _ = loop
        count = len(body.inputs) - inner
        if node.op_type == "Scan":
            count -= node.attributes.get_int("num_scan_inputs", 0)
        for index in range(count):
            start = node.inputs[first + index]
            if start is not None and start.shape is not None:
                known, made = body.inputs[inner + index].shape, node.outputs[index].shape
                if known is None or known != start.shape or made is None:
                    found[(node.name, index)] = _shape(start) or []
    return found


def _assume(model: ir.Model, carried: Carried) -> ir.Model:
    """Give what is carried those shapes, inside the loops and behind them."""
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        loop = _body(node)
        if loop is None:
            continue
        body, _, inner, _ = loop
        for index in range(len(body.inputs) - inner):
            dims = carried.get((node.name or "", index))
            if dims is not None:
                body.inputs[inner + index].shape = ir.Shape(dims)
                node.outputs[index].shape = ir.Shape(dims)
    return model


def _confirmed(model: ir.Model, carried: Carried) -> Carried:
    """Of the assumptions, what the bodies bear out."""
    result: Carried = {}
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        loop = _body(node)
        if loop is None:
            continue
        body, _, inner, outer = loop
        for index in range(len(body.inputs) - inner):
            key = (node.name or "", index)
            taken = carried.get(key)
            if taken is None:  # a Scan has inputs that are not carried, and perhaps fewer outputs
                continue
            given = _shape(body.outputs[outer + index])
            if given is None or len(taken) != len(given):
                continue
            pairs = zip(taken, given, strict=True)
            result[key] = [one if one == other else None for one, other in pairs]
    return result
