"""A model on ONNX Runtime that takes its weights anew at each run.

The weights are inputs of the graph, not constants in it. So one session serves every perturbed
run, holds no copy of them and packs nothing. It runs the graph as it is written, unoptimised:
what is fused or folded would no longer round where the graph says. `filled` puts weights back in,
for a session that may fuse them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
from onnx import GraphProto, ModelProto, helper
from onnx import numpy_helper as nph

from interop.errors import InvalidModel

Array = np.ndarray[Any, Any]


class Session:
    """Raises InvalidModel where ONNX Runtime cannot load or run the model."""

    def __init__(self, model: ModelProto, threads: int = 0, *, optimized: bool = False) -> None:
        levels = ort.GraphOptimizationLevel
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4  # what goes wrong is raised, and need not be printed, too
        options.graph_optimization_level = (
            levels.ORT_ENABLE_ALL if optimized else levels.ORT_DISABLE_ALL
        )
        # Else layers between Quantize and Dequantize run in integers, whose sums some processors saturate.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        # Else activations that meet four-bit weights are rounded to eight bits, unasked.
        options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
        self.output_names = [value.name for value in model.graph.output]
        try:
            self._session = ort.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's own have no base class in common
            raise _failed("load", error) from error
        self._takes = {value.name for value in self._session.get_inputs()}

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name; `feeds` that the graph does not take are left out."""
        given = {name: np.asarray(array) for name, array in feeds.items() if name in self._takes}
        try:
            outputs = self._session.run(self.output_names, given)
        except Exception as error:
            raise _failed("run", error) from error
        return dict(zip(self.output_names, outputs, strict=True))


def skeleton(model: ModelProto, names: Collection[str]) -> ModelProto:
    """`model` with the initializers of these names turned into inputs (nothing large is copied)."""
    bare = ModelProto(ir_version=model.ir_version)
    bare.opset_import.extend(model.opset_import)
    bare.functions.extend(model.functions)
    graph, given = bare.graph, model.graph
    graph.name = given.name
    graph.node.extend(given.node)
    for field in ("input", "output", "value_info", "sparse_initializer"):
        getattr(graph, field).extend(getattr(given, field))
    declared = {value.name for value in given.input}
    for tensor in given.initializer:
        if tensor.name not in names:
            graph.initializer.append(tensor)
        elif tensor.name not in declared:
            graph.input.append(_declaration(tensor.name, tensor.data_type, list(tensor.dims)))
    _forget(graph, set(names))
    return bare


def filled(bare: ModelProto, weights: Mapping[str, Array]) -> ModelProto:
    """The skeleton with these weights as initializers again (a copy)."""
    whole = ModelProto()
    whole.CopyFrom(bare)
    kept = [value for value in whole.graph.input if value.name not in weights]
    del whole.graph.input[:]
    whole.graph.input.extend(kept)
    whole.graph.initializer.extend(nph.from_array(array, name) for name, array in weights.items())
    return whole


def _declaration(name: str, type_: int, dims: list[int]) -> Any:
    return helper.make_tensor_value_info(name, type_, dims)


def _forget(graph: GraphProto, names: set[str]) -> None:
    """A name is declared once: as an input, no longer as a value."""
    kept = [value for value in graph.value_info if value.name not in names]
    del graph.value_info[:]
    graph.value_info.extend(kept)


def _failed(verb: str, error: BaseException) -> InvalidModel:
    return InvalidModel(
        f"ONNX Runtime cannot {verb} the model, so its noise floor is unknown",
        hint="Without the floor there is no proof. Check the model with onnx.checker.",
        detail=str(error).splitlines()[0] if str(error) else type(error).__name__,
    )
