"""Shapes that a file declares of what its nodes give: claims, to be believed where nothing else is known.

An exporter may write the size that it traced with where the size is open ([batch, 32, 128] for
[batch, sequence, 128]), and onnx's inference keeps what is declared.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir


def take_away(model: ir.Model) -> dict[str, ir.Shape]:
    """Remove every declared shape of a node's output, and return them by name."""
    declared = {}
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        for value in node.outputs:
            if value.name and value.shape is not None:
                declared[value.name] = value.shape
                value.shape = None
    return declared


def give_back(model: ir.Model, declared: Mapping[str, ir.Shape]) -> bool:
    """Fill in what inference has left open; returns whether that was anything."""
    changed = False
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        for value in node.outputs:
            claim = declared.get(value.name or "")
            if claim is not None:
                changed |= _fill(value, claim)
    return changed


def _fill(value: ir.Value, claim: ir.Shape) -> bool:
    known = value.shape
    if known is None:
        value.shape = ir.Shape(list(claim))
        return True
    if len(known) != len(claim):
        return False
    filled = [theirs if _open(ours) else ours for ours, theirs in zip(known, claim, strict=True)]
    if all(_open(new) or not _open(old) for new, old in zip(filled, known, strict=True)):
        return False
    value.shape = ir.Shape(filled)
    return True


def _open(dim: int | ir.SymbolicDim) -> bool:
    return not isinstance(dim, int) and dim.value is None
