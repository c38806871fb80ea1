"""Sums that are divided by how many entries were added, as means."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import onnx_ir as ir

from interop.graph.infer import Followed
from interop.graph.patterns.terms import become, dims, is_of, made_by, number, reduced_axes

_FLOATS = (ir.DataType.FLOAT, ir.DataType.DOUBLE)


def fuse_means(model: ir.Model) -> None:
    """Put a ReduceMean in the place of each such quotient, also where the count is a dimension that
    is open; in place."""
    sizes = Followed()
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        if node.domain != "":
            continue
        sizes.follow(node)
        for total, count in _quotients(node, sizes):
            if _counts(total, count):
                keep = total.attributes.get_int("keepdims", 1)
                become(node, "ReduceMean", list(total.inputs), keepdims=keep)
                break


def _quotients(node: ir.Node, sizes: Followed) -> Iterator[tuple[ir.Node, int | str]]:
    """(sum, count) where `node` may be the one divided by the other."""
    if node.op_type == "Div":
        total, count = made_by(node.inputs[0], "ReduceSum"), _count(node.inputs[1], sizes)
        if total is not None and count is not None:
            yield total, count
    if node.op_type == "Mul":
        for part, value in (node.inputs, node.inputs[::-1]):
            total, share = made_by(value, "ReduceSum"), number(part)
            if total is not None and share is not None and 0 < share <= 1:
                count = round(1 / share)
                if np.float32(share) == np.float32(1 / count):
                    yield total, count


def _count(value: ir.Value | None, sizes: Followed) -> int | str | None:
    known = number(value)
    if known is not None:
        return int(known) if known.is_integer() else None
    cast = made_by(value, "Cast")
    while cast is not None:
        value, cast = cast.inputs[0], made_by(cast.inputs[0], "Cast")
    found = sizes.dims(value)
    return found[0] if found is not None and len(found) == 1 else None


def _counts(total: ir.Node, count: int | str) -> bool:
    """Whether so many entries go into each sum."""
    data, axes = dims(total.inputs[0]), reduced_axes(total)
    if data is None or axes is None or not is_of(total.inputs[0], *_FLOATS):
        return False
    gone = [data[axis] for axis in axes]
    whole = [size for size in gone if isinstance(size, int)]
    if len(whole) == len(gone):
        return count == math.prod(whole)
    return len(gone) == 1 and count == gone[0]
