"""What is written differently in two pieces: nodes that one alone has, operators, attributes, inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx
from onnx import NodeProto

from interop.bisect.pieces import Graph, Piece


@dataclass(frozen=True)
class Change:
    """One difference. `reference` is None for a node of the candidate alone, and the other way round."""

    reference: NodeProto | None
    candidate: NodeProto | None
    text: str


def changes(reference: Graph, ours: Piece, candidate: Graph, theirs: Piece) -> tuple[Change, ...]:
    """Nodes are matched by what they make, or, where another operator makes it now, by operator and
    inputs. What is another value only because a node stands in one alone is told once, with that node.
    """
    old = [reference.nodes[place] for place in ours.nodes]
    new = [candidate.nodes[place] for place in theirs.nodes]
    partners = _partners(old, new)
    taken = {id(node) for node in partners if node is not None}
    gone = [node for node, other in zip(old, partners, strict=True) if other is None]
    come = [node for node in new if id(node) not in taken]
    found = [Change(node, None, f"{called(node)} is missing") for node in gone]
    found += [Change(None, node, f"{called(node)} has been put in") for node in come]
    told = {name for node in (*gone, *come) for name in (*node.output, *node.input)}
    for node, other in zip(old, partners, strict=True):
        if other is not None:
            words = _differences(node, other, told)
            if words:
                found.append(Change(node, other, f"{called(node)} {'; '.join(words)}"))
    return tuple(found)


def called(node: NodeProto) -> str:
    """How messages name a node: its operator, and its name or what it makes."""
    return f"{node.op_type} {node.name or next(iter(node.output), '')!r}"


def _partners(old: Sequence[NodeProto], new: Sequence[NodeProto]) -> list[NodeProto | None]:
    """For each of `old` the node of `new` that stands for it, each of them once."""
    free = {id(node): node for node in new}
    found: list[NodeProto | None] = []
    for node in old:
        makers = [other for other in free.values() if set(other.output) & set(node.output) - {""}]
        alike = [
            other
            for other in free.values()
            if other.op_type == node.op_type and list(other.input) == list(node.input)
        ]
        same = [other for other in makers if other.op_type == node.op_type]
        best = next(iter((*same, *alike, *makers)), None)
        if best is not None:
            del free[id(best)]
        found.append(best)
    return found


def _differences(old: NodeProto, new: NodeProto, told: set[str]) -> list[str]:
    words = []
    if (old.domain, old.op_type) != (new.domain, new.op_type):
        words.append(f"has become {new.op_type}")
    else:
        words += [
            f"has {name} {_value(new, name)} for {_value(old, name)}"
            for name in _unlike_attributes(old, new)
        ]
    if list(old.input) != list(new.input) and not _explained(old.input, new.input, told):
        words.append(f"reads {_listed(new.input)} for {_listed(old.input)}")
    if list(old.output) != list(new.output) and not _explained(old.output, new.output, told):
        words.append(f"makes {_listed(new.output)} for {_listed(old.output)}")
    return words


def _unlike_attributes(old: NodeProto, new: NodeProto) -> list[str]:
    before, after = (
        {a.name: a.SerializeToString(deterministic=True) for a in node.attribute}
        for node in (old, new)
    )
    names = sorted(before.keys() | after.keys())
    return [name for name in names if before.get(name) != after.get(name)]


def _explained(old: Sequence[str], new: Sequence[str], told: set[str]) -> bool:
    if len(old) != len(new):
        return False
    return all(a == b or a in told or b in told for a, b in zip(old, new, strict=True))


def _value(node: NodeProto, name: str) -> str:
    for attribute in node.attribute:
        if attribute.name == name:
            if attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.TENSOR):
                return "another value" if attribute.HasField("t") else "another body"
            value = onnx.helper.get_attribute_value(attribute)
            if isinstance(value, bytes):
                return value.decode("utf-8", "replace")
            return f"{value:.6g}" if isinstance(value, float) else str(value)
    return "none"


def _listed(names: Sequence[str]) -> str:
    return f"({', '.join(names)})"
