"""The one form that importers, audits and comparisons see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
from onnx import version_converter
from onnx_ir.passes import common

from interop.errors import InvalidModel
from interop.graph.batched_scan import bring_back, set_aside
from interop.graph.counted import count_loops
from interop.graph.declared import give_back, take_away
from interop.graph.fold import fold_constants, settle_branches
from interop.graph.indices import unwrap_indices
from interop.graph.infer import infer_shapes
from interop.graph.lengths import drop_full_lengths
from interop.graph.load import CANONICAL_OPSET, load
from interop.graph.origins import remember, restore
from interop.graph.patterns import recognise
from interop.graph.reshapes import drop_idle_expands, settle_targets, swap_axes
from interop.graph.shared import share
from interop.graph.states import drop_zero_states
from interop.graph.stored import beside, remember_stored, remembered, store_again, stored_in
from interop.graph.transposes import reduce_untransposed
from interop.signature import Dim, Signature, TensorSpec

_IR_VERSION = 10

#: Initializers above this size (bytes) stand aside while onnx's C++ passes run: those serialise the
#: whole model, and protobuf stops at 2 GiB. None of their rules looks into tensors this large.
_LARGE = 4096


def canonicalize(path: Path) -> ir.Model:
    """Load, check, inline, upgrade, fold and shape-infer the model in `path`.

    Every weight of the result is an initializer of the main graph, there are no functions and no
    unused nodes, and each unnamed dimension of an input has a name of its own.

    Raises InvalidModel or UnsupportedOperator (see `load`).
    """
    model = load(path)
    stored = stored_in(model)
    _read_small(model.graph)
    _prune_imports(model)
    _apply(path, _lift(), model)
    # Before IR version 4 every initializer had to be an input as well; here none is.
    model.ir_version = max(model.ir_version, _IR_VERSION)
    _name_dimensions(model.graph)
    _through_proto(path, model, _check)
    version = model.opset_imports[""]
    if version < CANONICAL_OPSET:
        set_aside(model)
        origins = remember(model)
        model = _through_proto(
            path, model, lambda proto: version_converter.convert_version(proto, CANONICAL_OPSET)
        )
        bring_back(model)
        restore(model, origins)
    model = tidy(path, model, take_away(model), written=True)
    remember_stored(model, stored)
    return model


def tidy(
    path: Path,
    model: ir.Model,
    declared: Mapping[str, ir.Shape] | None = None,
    *,
    written: bool = False,
) -> ir.Model:
    """Constants lifted and folded, shapes inferred, nothing unused; `model` is consumed.

    declared: shapes by name, to be believed where inference leaves them open. written: by an
    exporter, so that what it spells out is recognised; what is spelled out for a target is not.

    Raises InvalidModel, naming `path`.
    """
    _apply(path, _lift(), model)
    _apply(path, _clean(), model)
    fold_constants(model)
    _fill_defaults(model)
    changed = True
    while changed:  # a shape that is found may make a constant, and that another shape
        model = infer_shapes(model, lambda given: _through_proto(path, given, _onnx_inference))
        changed = fold_constants(model) + settle_branches(model) > 0
        if declared and not changed:
            changed, declared = give_back(model, declared), None
    count_loops(model)
    if written:
        recognise(model)
    unwrap_indices(model)
    drop_zero_states(model)
    drop_full_lengths(model)
    drop_idle_expands(model)
    reduce_untransposed(model)
    share(model)
    swap_axes(model)
    settle_targets(model)
    _apply(path, _clean(), model)
    return model


def check(path: Path, model: ir.Model) -> None:
    """Raise InvalidModel, naming `path`, where onnx's checker or its inference finds fault."""

    def judge(proto: onnx.ModelProto) -> None:
        _check(proto)
        _onnx_inference(proto)

    _through_proto(path, model, judge)


def signature_of(model: ir.Model) -> Signature:
    """The inputs and outputs of a canonical model, in order."""
    return Signature(
        tuple(_spec(value) for value in model.graph.inputs),
        tuple(_spec(value) for value in model.graph.outputs),
    )


def save(model: ir.Model, path: Path) -> None:
    """Write the model; weights go to a file beside it when they would not fit into protobuf."""
    tensors = [value.const_value for value in model.graph.initializers.values()]
    weights = sum(tensor.nbytes for tensor in tensors if tensor is not None)
    ir.save(model, path, external_data=f"{path.name}.data" if weights > 1 << 30 else None)


def save_stored(model: ir.Model, path: Path) -> None:
    """Write, beside the file `path` of the canonical `model`, the same with its weights as they are stored;
    nothing where none is stored as integers."""
    if not remembered(model):
        return
    copy = model.clone()
    if store_again(copy):
        save(copy, beside(path))


def _spec(value: ir.Value) -> TensorSpec:
    if not isinstance(value.type, ir.TensorType) or value.dtype is None or value.name is None:
        raise InvalidModel(
            f"'{value.name}' is no tensor ({value.type}): only tensors can cross between frameworks"
        )
    shape = None if value.shape is None else tuple(_dim(dim) for dim in value.shape)
    return TensorSpec(value.name, value.dtype.numpy().name, shape)


def _dim(dim: int | ir.SymbolicDim) -> Dim:
    return dim if isinstance(dim, int) else dim.value


def _lift() -> ir.passes.PassBase:
    """Functions inlined; every constant an initializer of the main graph, and no input."""
    return ir.passes.Sequential(
        common.InlinePass(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.LiftSubgraphInitializersToMainGraphPass(),
        common.RemoveInitializersFromInputsPass(),
        common.TopologicalSortPass(),
    )


def _clean() -> ir.passes.PassBase:
    return ir.passes.Sequential(
        _EliminateIdentities(),
        common.RemoveUnusedNodesPass(),
        common.RemoveUnusedOpsetsPass(),
        common.NameFixPass(),
    )


class _EliminateIdentities(ir.passes.InPlacePass):
    """Only those inside a graph: onnx-ir's own pass also takes a subgraph's output for its source,
    and fails where two branches of an If hand out the same outer value."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        found = [
            node
            for node in ir.traversal.RecursiveGraphIterator(model.graph)
            if node.domain == ""
            and (node.op_type == "Identity" or _is_inference_dropout(node))
            and node.inputs[0] is not None
            and not node.outputs[0].is_graph_output()
        ]
        for node in found:
            source = node.inputs[0]
            assert source is not None
            assert node.graph is not None
            if source.shape is None:
                source.shape, source.type = node.outputs[0].shape, node.outputs[0].type
            node.outputs[0].replace_all_uses_with(source)
            node.graph.remove(node, safe=True)
        return ir.passes.PassResult(model, bool(found))


def _is_inference_dropout(node: ir.Node) -> bool:
    """A Dropout that hands on what it is given: it does not train, and nobody asks for its mask."""
    if node.op_type != "Dropout" or (len(node.outputs) > 1 and node.outputs[1].uses()):
        return False
    if len(node.outputs) > 1 and node.outputs[1].is_graph_output():
        return False
    training = node.inputs[2] if len(node.inputs) > 2 else None
    if training is None:
        return True
    return training.const_value is not None and not training.const_value.numpy().item()


def _apply(path: Path, step: ir.passes.PassBase, model: ir.Model) -> None:
    try:
        step(model)
    except ir.passes.PassError as error:
        raise InvalidModel(f"{path} could not be normalised: {error}") from error


def _through_proto(
    path: Path, model: ir.Model, function: Callable[[onnx.ModelProto], onnx.ModelProto | None]
) -> ir.Model:
    """Run one of onnx's own passes with the large weights set aside as inputs, then restore them."""
    graph = model.graph
    aside = [
        value
        for value in graph.initializers.values()
        if value.const_value is not None and value.const_value.nbytes > _LARGE
    ]
    weights = {value.name: value.const_value for value in aside}
    for value in aside:
        assert value.name is not None
        assert value.const_value is not None
        value.shape, value.dtype = value.const_value.shape, value.const_value.dtype  # type: ignore[assignment]
        del graph.initializers[value.name]
        graph.inputs.append(value)
    try:
        result = function(ir.to_proto(model))
    except Exception as error:
        raise InvalidModel(f"{path} is not a valid ONNX model: {str(error).strip()}") from error
    changed = model if result is None else ir.from_proto(result)
    inputs = changed.graph.inputs
    for value in [value for value in inputs if value.name in weights]:
        inputs.remove(value)
        value.const_value = weights[value.name]
        changed.graph.register_initializer(value)
    return changed


def _read_small(graph: ir.Graph) -> None:
    """Parameters kept in external files come into memory; only large weights stay mapped."""
    for value in graph.initializers.values():
        if isinstance(value.const_value, ir.ExternalTensor) and value.const_value.nbytes <= _LARGE:
            value.const_value = ir.tensor(np.array(value.const_value.numpy()), name=value.name)


def _check(proto: onnx.ModelProto) -> None:
    """onnx's checker, which wants every output to have a shape; not every exporter writes one."""
    for output in proto.graph.output:
        if output.type.HasField("tensor_type") and not output.type.tensor_type.HasField("shape"):
            output.type.tensor_type.shape.SetInParent()
    onnx.checker.check_model(proto)


def _onnx_inference(proto: onnx.ModelProto) -> onnx.ModelProto:
    infer = partial(
        onnx.shape_inference.infer_shapes, check_type=True, strict_mode=True, data_prop=True
    )
    try:
        return infer(proto)
    except onnx.shape_inference.InferenceError:
        # What the file declares of its results may be what is wrong; then inference knows better.
        for output in proto.graph.output:
            output.type.tensor_type.ClearField("shape")
        del proto.graph.value_info[:]
        return infer(proto)


def _fill_defaults(model: ir.Model) -> None:
    """onnx's inference over a function's body fails where the node leaves an attribute out."""
    version = model.opset_imports.get("", 1)
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        if node.domain != "" or not onnx.defs.has(node.op_type):
            continue
        schema = onnx.defs.get_schema(node.op_type, max_inclusive_version=version)
        if schema.has_function:  # type: ignore[attr-defined]
            add_defaults(node, schema)


def add_defaults(node: ir.Node, schema: onnx.defs.OpSchema) -> None:
    """Give `node` the attributes that it leaves out, as far as the standard has values for them."""
    for name, attribute in schema.attributes.items():
        if name not in node.attributes and attribute.default_value.type:
            node.attributes.add(ir.serde.deserialize_attribute(attribute.default_value))


def _prune_imports(model: ir.Model) -> None:
    """`ai.onnx` is the long name of the default domain."""
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        if node.domain == "ai.onnx":
            node.domain = ""
    if "ai.onnx" in model.opset_imports:
        model.opset_imports[""] = model.opset_imports.pop("ai.onnx")


def _name_dimensions(graph: ir.Graph) -> None:
    """Unknown input dimensions ('?', -1 or nothing) get names: `<input>_dim<axis>`.

    So does a 0 that stands first of several: older exporters wrote it for the batch. Elsewhere it is
    a size.
    """
    for value in graph.inputs:
        if value.shape is None:
            continue
        value.shape = ir.Shape(
            [
                dim
                if _known(dim, batch=axis == 0 and len(value.shape) > 1)
                else f"{value.name}_dim{axis}"
                for axis, dim in enumerate(value.shape)
            ]
        )
    for value in graph.outputs:
        if value.shape is not None:
            value.shape = ir.Shape(
                [
                    dim if _known(dim, batch=axis == 0 and len(value.shape) > 1) else None
                    for axis, dim in enumerate(value.shape)
                ]
            )


def _known(dim: int | ir.SymbolicDim, *, batch: bool) -> bool:
    if isinstance(dim, int):
        return dim > 0 or (dim == 0 and not batch)
    return bool(dim.value) and dim.value != "?"
