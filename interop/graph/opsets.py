"""A canonical graph as an older opset says it, for runtimes that know no newer one.

What an operator means at a version lies in its schema. A node that an older schema has room for, as it
stands, means the same there; but for the changes of `_REWORDED`, where the standard moved, renamed or
redefined something, and for `_NEW_WORDS`, values of attributes that came later than the attribute.
Where an older opset has no word for a node, it is expanded into simpler ones (graph/expand.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from interop.errors import UnsupportedOperator, UsageError
from interop.graph.canonical import check
from interop.graph.decompositions.apply import replace
from interop.graph.decompositions.builder import Builder
from interop.graph.expand import expand
from interop.graph.load import CANONICAL_OPSET
from interop.graph.patterns.terms import dims, given, integers

#: Softmax, Squeeze and ReduceSum got their present meaning here. Nothing of today reads only what is older.
OLDEST = 13

#: Of more nodes than this, a refusal tells no more.
_MOST_TOLD = 20

#: Says `node` as it was said before the version, and is called for that; None where that cannot be.
Rewording = Callable[[ir.Node], Callable[[], None] | None]


def check_opset(version: int | None) -> None:
    """Raise UsageError for an opset that no model is written in."""
    if version is not None and not OLDEST <= version <= onnx.defs.onnx_opset_version():
        raise _not_written(version, CANONICAL_OPSET)


def _not_written(version: int, newest: int) -> UsageError:
    return UsageError(
        f"opset {version} is not written", hint=f"Those from {OLDEST} to {newest} are."
    )


def at_opset(model: ir.Model, version: int | None = None) -> ir.Model:
    """`model` (canonical; consumed) at opset `version`; None: the oldest that has all its operators.

    Raises UnsupportedOperator, naming the nodes that can be said neither as they are nor by simpler
    ones, and UsageError for an opset that is not written.
    """
    own = model.opset_imports.get("", CANONICAL_OPSET)
    if version is None:
        version = max((oldest(node, own) for node in _standard(model)), default=OLDEST)
    if not OLDEST <= version <= own:
        raise _not_written(version, own)
    while too_new := _newer_than(model, version):
        shapes = [node for node in too_new if node.op_type == "Shape"]
        for node in shapes:
            _cut_out(model, node)
        names = [node.name or "" for node in too_new if node.op_type != "Shape"]
        model, expanded = expand(model, names)
        if not shapes and not expanded:
            raise _refusal(too_new, version)
    for node in list(_standard(model)):
        _walk(node, own, version, change=True)
    model.opset_imports[""] = version
    model.ir_version = _ir_version(model, version)
    RemoveUnusedNodesPass()(model)
    check(Path(f"the graph at opset {version}"), model)
    return model


def oldest(node: ir.Node, own: int) -> int:
    """The oldest opset, from OLDEST on, that has the operator `node` (of the default domain, at opset
    `own`) as it is used."""
    return _walk(node, own, OLDEST, change=False)


def _newer_than(model: ir.Model, version: int) -> dict[ir.Node, int]:
    """The nodes that are newer, and the opset of each."""
    own = model.opset_imports.get("", CANONICAL_OPSET)
    since = {node: oldest(node, own) for node in _standard(model)}
    return {node: first for node, first in since.items() if first > version}


def _refusal(too_new: Mapping[ir.Node, int], version: int) -> UnsupportedOperator:
    told = [
        f"{node.op_type} '{node.name}', as it is used, is of opset {first}"
        for node, first in too_new.items()
    ]
    return UnsupportedOperator(
        f"{len(told)} node(s) cannot be said in opset {version}:\n  "
        + "\n  ".join(told[:_MOST_TOLD]),
        hint=f"Opset {max(too_new.values())} has them all: give --opset {max(too_new.values())}, or "
        "leave --opset away.",
    )


def _cut_out(model: ir.Model, node: ir.Node) -> None:
    """A part of a shape: Shape gave the whole, so it is cut out of that."""
    made = Builder(node.name or "shape")
    start = node.attributes.get_int("start", 0)
    end = node.attributes.get_int("end", np.iinfo(np.int64).max)
    whole = made.Shape(node.inputs[0])
    replace(model, node, made, [made.Slice(whole, [start], [end])])


def _standard(model: ir.Model) -> Iterator[ir.Node]:
    nodes = ir.traversal.RecursiveGraphIterator(model.graph)
    return (node for node in nodes if node.domain == "")


def _walk(node: ir.Node, own: int, down_to: int, *, change: bool) -> int:
    """The oldest version, not below `down_to`, that `node`, of opset `own`, can be said in; with
    `change`, it is."""
    schema = _schema(node.op_type, own)
    while schema is not None and schema.since_version > down_to:
        older = _schema(node.op_type, schema.since_version - 1)
        step = None if older is None else _step(node, schema, older)
        if step is None:
            return int(schema.since_version)
        if change:
            step()
        schema = older
    return down_to


def _schema(operator: str, version: int) -> onnx.defs.OpSchema | None:
    if not onnx.defs.has(operator, max_inclusive_version=version, domain=""):
        return None
    return onnx.defs.get_schema(operator, max_inclusive_version=version, domain="")


def _step(
    node: ir.Node, newer: onnx.defs.OpSchema, older: onnx.defs.OpSchema
) -> Callable[[], None] | None:
    version = newer.since_version
    if not (_takes(older.inputs, node.inputs) and _takes(older.outputs, node.outputs)):
        return None
    words = _NEW_WORDS.get((node.op_type, version), {})
    if any(node.attributes.get_string(name, "") in new for name, new in words.items()):
        return None
    if (node.op_type, version) in _REWORDED:
        return _REWORDED[node.op_type, version](node)
    if not older.min_input <= _used(node.inputs) <= older.max_input:
        return None
    if _used(node.outputs) > older.max_output:
        return None
    added = [
        name
        for name in node.attributes
        if name in newer.attributes and name not in older.attributes
    ]
    if not all(_says_default(node.attributes[name], newer) for name in added):
        return None
    return lambda: _forget(node, *added)


def _takes(
    formal: Sequence[onnx.defs.OpSchema.FormalParameter], values: Sequence[ir.Value | None]
) -> bool:
    """Whether the older schema has room for these types; a last parameter may stand for several."""
    for index, value in enumerate(values):
        if value is None or not isinstance(value.type, ir.TensorType) or not formal:
            continue
        if (
            f"tensor({value.type.dtype.name.lower()})"
            not in formal[min(index, len(formal) - 1)].types
        ):
            return False
    return True


def _used(values: Sequence[ir.Value | None]) -> int:
    """How many there are, up to the last that is given."""
    return max((at for at, value in enumerate(values, 1) if value is not None), default=0)


def _says_default(attribute: ir.Attr, schema: onnx.defs.OpSchema) -> bool:
    default = schema.attributes[attribute.name].default_value
    return bool(default.type) and ir.serde.deserialize_attribute(default).value == attribute.value


def _forget(node: ir.Node, *names: str) -> None:
    for name in names:
        node.attributes.pop(name, None)


def _dilations(node: ir.Node) -> Callable[[], None] | None:
    """There were none: each is to be 1."""
    if any(step != 1 for step in node.attributes.get_ints("dilations", [])):
        return None
    return lambda: _forget(node, "dilations")


def _flat_pool(node: ir.Node) -> Callable[[], None] | None:
    """It had neither dilations nor ceil_mode."""
    ceiling = node.attributes.get_int("ceil_mode", 0)
    if ceiling or _dilations(node) is None:
        return None
    return lambda: _forget(node, "ceil_mode", "dilations")


def _reduction(node: ir.Node) -> Callable[[], None] | None:
    """Its axes were an attribute, and none meant all of them."""
    axes = [] if given(node, 1) is None else integers(given(node, 1))
    keeps_all = node.attributes.get_int("noop_with_empty_axes", 0)
    if axes is None or (keeps_all and not axes):
        return None

    def change() -> None:
        _forget(node, "noop_with_empty_axes")
        node.resize_inputs(1)
        if axes:
            node.attributes.add(ir.AttrInt64s("axes", axes))

    return change


def _split(node: ir.Node) -> Callable[[], None] | None:
    """Parts were equal where no sizes were given; a last one that is smaller is new."""
    if "num_outputs" not in node.attributes:
        return lambda: None
    sizes, axis = dims(node.inputs[0]), node.attributes.get_int("axis", 0)
    size = None if sizes is None else sizes[axis]
    even = isinstance(size, int) and size % node.attributes["num_outputs"].as_int() == 0
    return (lambda: _forget(node, "num_outputs")) if even else None


def _grid_sample(node: ir.Node) -> Callable[[], None] | None:
    """It had other words for the same modes, and images alone."""
    if len(dims(node.inputs[0]) or []) != 4:
        return None
    mode = node.attributes.get_string("mode", "linear")
    word = {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode)
    return lambda: node.attributes.add(ir.AttrString("mode", word))


def _roi_align(node: ir.Node) -> Callable[[], None] | None:
    """It did not shift by half a pixel, which is the default since."""
    name = "coordinate_transformation_mode"
    said = node.attributes.get_string(name, "half_pixel")
    return (lambda: _forget(node, name)) if said == "output_half_pixel" else None


def _never(_: ir.Node) -> None:
    """It was another operator by the same name."""


_REWORDED: dict[tuple[str, int], Rewording] = {
    **{
        (f"Reduce{name}", 18): _reduction
        for name in (
            "L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare"
        )
    },
    ("AveragePool", 19): _dilations,
    ("DFT", 20): _never,  # its axis was an attribute, and the default another one
    ("GridSample", 20): _grid_sample,
    ("GroupNormalization", 21): _never,  # a scale and a bias a group, not a channel
    ("LpPool", 18): _flat_pool,
    ("RoiAlign", 16): _roi_align,
    ("Split", 18): _split,
}  # fmt: skip

_NEW_WORDS: dict[tuple[str, int], dict[str, frozenset[str]]] = {
    ("Pad", 19): {"mode": frozenset({"wrap"})},
    ("Resize", 19): {"coordinate_transformation_mode": frozenset({"half_pixel_symmetric"})},
    ("ScatterElements", 18): {"reduction": frozenset({"max", "min"})},
    ("ScatterND", 18): {"reduction": frozenset({"max", "min"})},
}

#: The IR version that brought a type in.
_TYPES = {"FLOAT8": 9, "INT4": 10, "UINT4": 10, "FLOAT4": 11, "INT2": 13, "UINT2": 13}


def _ir_version(model: ir.Model, version: int) -> int:
    """The oldest that has the opset and the types."""
    least = onnx.helper.OP_SET_ID_VERSION_MAP["ai.onnx", version]
    graph = model.graph
    values = [*graph.inputs, *graph.initializers.values()]
    values += [out for node in ir.traversal.RecursiveGraphIterator(graph) for out in node.outputs]
    names = {value.dtype.name for value in values if value.dtype is not None}
    wanted = [first for word, first in _TYPES.items() if any(n.startswith(word) for n in names)]
    return max([least, *wanted])
