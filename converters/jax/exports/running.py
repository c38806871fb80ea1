"""Running totals: windows that reach from each entry back to the first, or on to the last."""

from __future__ import annotations

from typing import Any

from interop.converters.jax.exports.operation import Op
from interop.converters.jax.exports.reductions import is_identity, kind_of
from interop.converters.jax.exports.tensors import Refused, Tensor

_WIDE = {"int8": "int32", "uint8": "int32", "int16": "int32", "uint16": "int32"}


def running_total(op: Op, body: Any, axis: int, back: bool) -> Tensor:
    """Sums by ONNX's CumSum; whatever else combines two entries entry by entry, by its Scan."""
    try:
        sums = kind_of(op, body) == "add" and is_identity(op.operands[1], "add", op.w)
    except Refused:  # a combination of its own
        sums = False
    return _sums(op, axis, back) if sums else _scanned(op, body, axis, back)


def _sums(op: Op, axis: int, back: bool) -> Tensor:
    x, w = op.operands[0], op.w
    wide = _WIDE.get(x.dtype, x.dtype)
    order = x.order if x.thin is None else None
    held = w.held(x) if x.thin is None else w.full(x)
    place = w.constant(axis if order is None else order[axis])
    total = w.once("CumSum", w.cast(held, x.dtype, wide), place, reverse=int(back))
    return Tensor(w.cast(total, wide, x.dtype), x.dtype, x.sizes, order)


def _scanned(op: Op, body: Any, axis: int, back: bool) -> Tensor:
    x, w = op.operands[0], op.w
    kept = [size for place, size in enumerate(w.dims(x)) if place != axis]
    start = w.once("Expand", w.full(op.operands[1]), w.vector(kept))
    inner = op.frame.inside(w.nested())
    graph = inner.writer.graph
    words = [size if isinstance(size, int) else None for size in kept]
    arguments = [
        Tensor(graph.input(graph.unique(name), x.dtype, words), x.dtype, tuple(kept))
        for name in ("total", "entry")
    ]
    (total,) = inner.block(body, arguments)
    for _ in range(2):  # as the next round's total, and as a row
        own = inner.writer.node("Identity", inner.writer.full(total))
        graph.output(own, x.dtype, words)
    _, rows = w.node(
        "Scan", start, w.full(x), count=2, body=graph, num_scan_inputs=1,
        scan_input_axes=[axis], scan_output_axes=[axis],
        scan_input_directions=[int(back)], scan_output_directions=[int(back)],
    )  # fmt: skip
    return op.made(rows, x.sizes)
