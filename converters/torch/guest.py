"""The torch worker: loads a model once, exports it or builds it from written source, and runs it."""

from pathlib import Path
from typing import Any

import torch
from interop.converters.torch.artifact import load_artifact, save_program
from interop.converters.torch.exporting import export
from interop.converters.torch.gradients import gradients
from interop.converters.torch.loading import Loaded, example, input_names, load_reference
from interop.converters.torch.tensors import to_numpy, to_torch
from interop.converters.torch.weights import load_weights

from interop.workers.failures import GuestFailure
from interop.workers.tensors import read_tensors, write_tensors
from interop.workers.timing import time_calls

_state: dict[str, Any] = {}


def load_and_export(
    reference: str,
    path: str,
    inputs: list[dict[str, Any]] | None,
    outputs: list[str] | None,
    sizes: dict[str, int],
    trust: bool,
    weights: str | None = None,
) -> dict[str, Any]:
    """Load `reference`, with the state_dict in `weights` if given, and write it to `path` as ONNX.

    `inputs` are tensor specs (name, dtype, shape with words for dynamic dimensions); None takes the
    example inputs that the reference brings, with a dynamic batch.
    """
    loaded = load_reference(reference, trust=trust)
    if weights is not None:
        load_weights(loaded.module, Path(weights))
    if inputs is not None:
        examples, specs = example(inputs, sizes), inputs
    elif loaded.examples is not None:
        examples, specs = loaded.examples, _specs(loaded, loaded.examples)
    else:
        raise GuestFailure(
            "UsageError",
            f"'{reference}' does not say what its inputs are",
            hint="Say it with --input, for example --input 'x:float32[batch,3,224,224]', or let the "
            "callable return (module, example inputs).",
        )
    with torch.no_grad():
        exported = export(loaded, examples, specs, outputs, Path(path))
    _state.update(module=loaded.module, inputs=exported.inputs, outputs=exported.outputs)
    return {"inputs": exported.inputs, "outputs": exported.outputs, "notes": exported.notes}


def _specs(loaded: Loaded, examples: tuple[torch.Tensor, ...]) -> list[dict[str, Any]]:
    names = input_names(loaded.module, len(examples))
    return [
        {
            "name": name,
            "dtype": str(tensor.dtype).removeprefix("torch."),
            "shape": ["batch", *tensor.shape[1:]] if tensor.ndim > 1 else list(tensor.shape),
        }
        for name, tensor in zip(names, examples, strict=True)
    ]


def build(source: str, path: str) -> dict[str, Any]:
    """Export the model written in `source` to `path`; says what had to be given up."""
    return save_program(Path(source), Path(path))


def load(path: str) -> dict[str, Any]:
    """Load the program at `path`; where torch could not make one, the source that lies beside it."""
    module, names = load_artifact(Path(path))
    _state.update(module=module, inputs=names, outputs=None)
    return {"inputs": names}


def run(inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    """Run the loaded module on each folder of tensors; write its outputs into the other folder."""
    for source, target in zip(inputs, outputs, strict=True):
        results = _forward(_feeds(source))
        names = _state["outputs"] or list(results)
        arrays = map(to_numpy, leaves(results))
        write_tensors(target, dict(zip(names, arrays, strict=True)))
    return {}


def time_runs(inputs: str, runs: int, warmup: int) -> dict[str, list[float]]:
    """Seconds of each of `runs` calls, after `warmup` calls that are not counted."""
    feeds = _feeds(inputs)
    return time_calls(lambda: _forward(feeds), runs, warmup)


def _feeds(folder: str) -> list[torch.Tensor]:
    tensors = read_tensors(folder)
    return [to_torch(tensors[name]) for name in _state["inputs"]]


def _forward(feeds: list[torch.Tensor]) -> Any:
    with torch.inference_mode():
        return _state["module"](*feeds)


def leaves(result: Any) -> list[torch.Tensor]:
    """The tensors in whatever a module returns, in order."""
    found = torch.utils._pytree.tree_leaves(result)
    return [leaf for leaf in found if isinstance(leaf, torch.Tensor)]


OPERATIONS = {
    "load_and_export": load_and_export,
    "build": build,
    "load": load,
    "run": run,
    "time": time_runs,
    "gradients": gradients,
}
