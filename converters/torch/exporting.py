"""torch → ONNX, through torch.onnx's dynamo exporter."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from interop.converters.torch import scripts
from interop.converters.torch.exported import Exported, reason
from interop.converters.torch.loading import Loaded
from interop.converters.torch.recurrent import EXPORTED_WHOLE, recurrent_layers_kept

from interop.workers.failures import GuestFailure

#: Above this many bytes of weights the exporter writes them beside the model (protobuf ends at 2 GiB).
_EXTERNAL = 1 << 30


def export(
    loaded: Loaded,
    examples: tuple[torch.Tensor, ...],
    specs: list[dict[str, Any]],
    output_names: list[str] | None,
    path: Path,
) -> Exported:
    """Write `path`. Dimensions given as words in `specs` stay dynamic where the model allows it."""
    notes: list[str] = []
    dynamic = [
        {axis: dim for axis, dim in enumerate(spec["shape"]) if isinstance(dim, str)}
        for spec in specs
    ]
    names = [spec["name"] for spec in specs]
    if isinstance(loaded.module, torch.jit.ScriptModule):
        return scripts.export(loaded.module, examples, names, dynamic, output_names, path)
    if loaded.program is not None:
        _make_way(loaded.program)
        wanted = output_names or _result_names(loaded.program)
        with recurrent_layers_kept(EXPORTED_WHOLE):
            program = _export(loaded.program, examples, None, names, wanted)
        _name_dimensions(program.model.graph, specs)
    elif not any(dynamic):
        program = _export(loaded.module, examples, None, names, output_names)
    else:
        try:
            program = _export(loaded.module, examples, _shapes(dynamic), names, output_names)
        except torch.onnx.OnnxExporterError as error:
            program = _export(loaded.module, examples, None, names, output_names)
            fixed = ", ".join(sorted({dim for axes in dynamic for dim in axes.values()}))
            notes.append(f"fixed in the exported model: {fixed} ({reason(error)})")
    weights = sum(tensor.nbytes for tensor in loaded.module.state_dict().values())
    _name_transposed(program.model.graph, loaded.module)
    program.save(str(path), external_data=weights > _EXTERNAL)
    graph = program.model.graph
    return Exported(
        [value.name for value in graph.inputs], [value.name for value in graph.outputs], notes
    )


def _name_transposed(graph: Any, module: torch.nn.Module) -> None:
    """Give matrices that the exporter has transposed and numbered (`val_37`) their names back."""
    parameters = dict(module.named_parameters())
    kept = graph.initializers
    lost = {
        name: parameter.detach().cpu().numpy()
        for name, parameter in parameters.items()
        if name not in kept and parameter.dtype in (torch.float16, torch.float32, torch.float64)
    }
    for value in list(kept.values()):
        if value.name in parameters or value.const_value is None or len(value.shape) != 2:
            continue
        turned = value.const_value.numpy().T
        for name, parameter in lost.items():
            if parameter.shape == turned.shape and np.array_equal(parameter, turned):
                value.name = name  # renames it among the initializers, too
                del lost[name]
                break


def _export(
    model: Any,
    examples: tuple[torch.Tensor, ...],
    shapes: tuple[dict[int, Any], ...] | None,
    names: list[str],
    output_names: list[str] | None,
) -> torch.onnx.ONNXProgram:
    is_program = isinstance(model, torch.export.ExportedProgram)
    try:
        return torch.onnx.export(
            model,
            () if is_program else examples,
            dynamo=True,
            dynamic_shapes=shapes,
            input_names=None if is_program else names,
            output_names=output_names,
            verbose=False,
        )
    except torch.onnx.OnnxExporterError as error:
        if shapes is not None:
            raise
        raise GuestFailure(
            "InvalidModel",
            f"torch.onnx could not export this model: {reason(error)}",
            hint="Its export report (--verbose) names the operator or the line of Python in question.",
        ) from error


def _make_way(program: torch.export.ExportedProgram) -> None:
    """torch.onnx numbers what it computes val_0, val_1 and on; a weight of such a name collides."""
    for spec in program.graph_signature.input_specs:
        if spec.target is not None and re.fullmatch(r"val_\d+(_\d+)*", spec.target):
            name = f"weight_{spec.target.removeprefix('val_')}"
            program.state_dict[name] = program.state_dict.pop(spec.target)
            spec.target = name


def _result_names(program: torch.export.ExportedProgram) -> list[str] | None:
    """The keys of the dict that the program returns, if it does and they are plain names."""
    spec = program.call_spec.out_spec
    if spec is None or spec.type is not dict or len(spec.context) != spec.num_leaves:
        return None
    return [str(key) for key in spec.context]


def _name_dimensions(graph: Any, specs: list[dict[str, Any]]) -> None:
    """The words of `specs` for the symbols that the program numbers (s72)."""
    words: dict[str, str] = {}
    for value, spec in zip(graph.inputs, specs, strict=True):
        for dim, word in zip(value.shape, spec["shape"], strict=True):
            if not isinstance(dim, int) and isinstance(word, str):
                words[dim.value] = word
    for value in (*graph.inputs, *graph.outputs):
        for axis, dim in enumerate(value.shape or ()):
            if not isinstance(dim, int) and dim.value in words:
                value.shape[axis] = words[dim.value]
    for node in graph.all_nodes():  # their shapes, in the old symbols, are found anew
        for value in node.outputs:
            if not value.is_graph_output():
                value.shape = None


def _shapes(dynamic: list[dict[int, str]]) -> tuple[dict[int, Any], ...]:
    """One Dim object a name, so that equal names mean equal sizes."""
    dims = {name: torch.export.Dim(name) for axes in dynamic for name in axes.values()}
    return tuple({axis: dims[name] for axis, name in axes.items()} for axes in dynamic)
