"""TorchScript → ONNX, through torch.onnx's older exporter: the dynamo exporter does not read it."""

import warnings
from pathlib import Path
from typing import Any

import onnx
import torch
from interop.converters.torch.exported import Exported, reason

from interop.workers.failures import GuestFailure

#: The newest that the older exporter writes all its operators for.
_OPSET = 17


def export(
    module: torch.jit.ScriptModule,
    examples: tuple[torch.Tensor, ...],
    names: list[str],
    dynamic: list[dict[int, str]],
    output_names: list[str] | None,
    path: Path,
) -> Exported:
    """Write `path`. dynamic: for each input, the words for its open axes.

    Raises GuestFailure where the archive takes something else, or the exporter cannot write it.
    """
    _check_inputs(module, names)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that this exporter is the older one
            torch.onnx.export(
                module, examples, str(path), dynamo=False, opset_version=_OPSET,
                input_names=names, output_names=output_names,
                dynamic_axes={n: axes for n, axes in zip(names, dynamic, strict=True) if axes},
            )  # fmt: skip
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
        path.unlink(missing_ok=True)
        raise GuestFailure(
            "InvalidModel",
            f"torch.onnx's exporter for TorchScript could not write this model: {reason(error)}",
            hint="Give its Python definition as package.module:callable, with --weights for what it "
            "has learned; that goes by the newer exporter.",
        ) from error
    graph = onnx.load(path, load_external_data=False).graph
    return Exported([v.name for v in graph.input], [v.name for v in graph.output], [])


def _check_inputs(module: torch.jit.ScriptModule, names: list[str]) -> None:
    arguments: list[Any] = module.forward.schema.arguments[1:]
    needed = [a.name for a in arguments if not a.has_default_value()]
    if not len(needed) <= len(names) <= len(arguments):
        listed = ", ".join(f"{a.name} ({a.type})" for a in arguments)
        raise GuestFailure(
            "UsageError",
            f"{len(names)} inputs are declared, and the archive takes: {listed}",
            hint="Declare each tensor with --input, in this order.",
        )
