"""What each input is for, read off the graph: an index, a length, a mask, a plain number.

bounds.py says between which values an index or a length must stay; here is told apart what nothing
limits. A mask is what is made a boolean, compared with 0 or 1, or subtracted from 1; an additive
mask is added to what a Softmax reads; a whole number is calculated with and never sets a size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from onnx import ModelProto, NodeProto, TensorProto

from interop.parity.inputs.bounds import Allowed, allowed_values
from interop.parity.inputs.flat import FLOATS, INTEGERS, KEEPERS, Flat, attribute, flatten

#: operator -> inputs that set the size of its output, or how often it runs (None: every one).
SIZING: Mapping[str, tuple[int, ...] | None] = {
    "CenterCropPad": (1,), "ConstantOfShape": None, "Expand": (1,), "EyeLike": (), "Loop": (0,),
    "OneHot": (1,), "Pad": (1, 3), "Range": None, "Reshape": (1,), "Resize": (3,), "Slice": (1, 2, 3, 4),
    "Split": (1,), "Tile": (1,), "TopK": (1,),
}  # fmt: skip

CALCULATIONS = frozenset(
    {"Abs", "Add", "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "CumSum", "Div",
     "Mod", "Mul", "Neg", "Pow", "ReduceProd", "ReduceSum", "Sign", "Sub", "Sum"}
)  # fmt: skip


@dataclass(frozen=True)
class Roles:
    """`allowed`: what limits an input; the others by name. An input of no role is free."""

    allowed: dict[str, Allowed] = field(default_factory=dict)
    masks: frozenset[str] = frozenset()
    additive: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()

    @property
    def lengths(self) -> bool:
        """Whether some input says how much of an axis is used."""
        return any(one.length for one in self.allowed.values())


def roles(model: ModelProto, bounds: Mapping[str, int]) -> Roles:
    """The roles of the inputs of a canonical (inlined, shape-inferred) model.

    `bounds`, the exclusive upper limits that the caller knows, stand in for those of the graph; a
    mask that the caller bounds by 2 stays one.
    """
    flat = flatten(model)
    allowed = allowed_values(model)
    free = {name for name in flat.types if not _limited(allowed.get(name, Allowed()))}
    inputs = {value.name: value.type.tensor_type.elem_type for value in model.graph.input}
    whole = {n for n, kind in inputs.items() if kind in INTEGERS and n in free}
    real = {n for n, kind in inputs.items() if kind in FLOATS and n in free}
    numbers = {n for n in whole if n not in bounds and _is_number(n, flat)}
    masks = {n for n, kind in inputs.items() if kind == TensorProto.BOOL}
    masks |= {n for n in whole - numbers if bounds.get(n, 2) == 2}
    masks |= {n for n in real if _is_mask(n, flat)}
    additive = {n for n in real - masks if _is_additive(n, flat)}
    known = {
        name: replace(allowed.get(name, Allowed()), high=limit, choices=(), within=())
        for name, limit in bounds.items()
    }
    return Roles({**allowed, **known}, frozenset(masks), frozenset(additive), frozenset(numbers))


def _limited(allowed: Allowed) -> bool:
    compared = set(allowed.choices) - {0, 1}
    return bool(allowed.high is not None or allowed.within or allowed.length or compared)


def _uses(name: str, flat: Flat) -> Iterator[tuple[NodeProto, int]]:
    """Who reads the elements of `name`, at which position; who only reshapes or casts them is
    passed through, but a cast to another kind is a use, too."""
    for node, position in flat.consumers.get(name, []):
        if node.op_type not in KEEPERS or position or node.op_type == "Cast":
            yield node, position
        if node.op_type in KEEPERS and not position:
            yield from _uses(node.output[0], flat)
    for other in flat.returns.get(name, []):
        yield from _uses(other, flat) if other != name else ()


def _is_mask(name: str, flat: Flat) -> bool:
    return any(_masks(node, position, flat) for node, position in _uses(name, flat))


def _masks(node: NodeProto, position: int, flat: Flat) -> bool:
    if node.op_type == "Cast":
        return bool(attribute(node, "to", 0) == TensorProto.BOOL)
    if node.op_type == "Equal":
        return flat.constants.get(node.input[1 - position]) in (0, 1)
    return node.op_type == "Sub" and position == 1 and flat.constants.get(node.input[0]) in (1, 1.0)


def _is_additive(name: str, flat: Flat) -> bool:
    """Added, perhaps after other sums, to what a Softmax reads."""
    reached = [node for node, _ in _uses(name, flat)]
    return any(node.op_type == "Add" for node in reached) and any(
        reader.op_type == "Softmax"
        for node in reached
        if node.op_type == "Add"
        for reader, _ in _uses(node.output[0], flat)
    )


def _is_number(name: str, flat: Flat) -> bool:
    """Calculated with as a whole number, or given back, and no size comes of it."""
    uses = [node for node, position in _uses(name, flat) if not _masks(node, position, flat)]
    given = name in {flat.origin(output) for output in flat.outputs}
    works = given or any(
        node.op_type in CALCULATIONS and flat.types.get(node.output[0]) in INTEGERS for node in uses
    )
    return works and not _is_mask(name, flat) and not _sizes(name, flat, set())


def _sizes(name: str, flat: Flat, seen: set[str]) -> bool:
    """Whether a size or a count of rounds is calculated from `name`."""
    seen.add(name)
    for node, position in flat.consumers.get(name, []):
        places = SIZING.get(node.op_type, ())
        if places is None or position in places:
            return True
        for output in node.output:
            whole = flat.types.get(output, TensorProto.INT64) in INTEGERS
            if output not in seen and whole and _sizes(output, flat, seen):
                return True
    return any(_sizes(n, flat, seen) for n in flat.returns.get(name, []) if n not in seen)
