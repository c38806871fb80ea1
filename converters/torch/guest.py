"""The torch worker: loads a model once, exports it or builds it from written source, and runs it."""

from pathlib import Path
from typing import Any

import torch
from interop.converters.torch import devices
from interop.converters.torch.artifact import load_artifact, save_program
from interop.converters.torch.devices import settle
from interop.converters.torch.exporting import export
from interop.converters.torch.gradients import differentiate, gradients
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


def load(path: str, device: str = "cpu", precision: str = "fp32") -> dict[str, Any]:
    """Load the program at `path`; where torch could not make one, the source that lies beside it.

    precision: "fp32", or "tf32" for products that round their operands to it, where `device` can.
    """
    settle(device, precision)
    module, names = load_artifact(Path(path), device)
    _state.update(module=module, inputs=names, outputs=None, device=device)
    return {"inputs": names, "runtime": f"torch {torch.__version__}"}


def loaded() -> Any:
    """The module that is run."""
    return _state["module"]


def replace(module: Any) -> None:
    """Run this one instead of what was loaded; it takes and gives the same."""
    _state["module"] = module


def run(inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    """Run the loaded module on each folder of tensors; write its outputs into the other folder."""
    for source, target in zip(inputs, outputs, strict=True):
        results = _forward(_on(_device(), _feeds(source)))
        names = _state["outputs"] or list(results)
        arrays = map(to_numpy, _on("cpu", leaves(results)))
        write_tensors(target, dict(zip(names, arrays, strict=True)))
    return {}


def time_runs(inputs: str, runs: int, warmup: int) -> dict[str, list[float]]:
    """Seconds of each of `runs` calls, after `warmup` calls that are not counted: from the host's
    memory to the host's memory."""
    feeds, device = _feeds(inputs), _device()
    if device == "cpu":
        return time_calls(lambda: _forward(feeds), runs, warmup)

    def there_and_back() -> Any:
        return _on("cpu", leaves(_forward(_on(device, feeds))))

    return time_calls(there_and_back, runs, warmup)


def time_resident(inputs: str, runs: int, warmup: int) -> dict[str, list[float]]:
    """As `time_runs`, but inputs and outputs stay on the device."""
    feeds = _on(_device(), _feeds(inputs))
    return devices.time_resident(lambda: _forward(feeds), runs, warmup, _device())


def _device() -> str:
    return str(_state.get("device", "cpu"))


def _on(device: str, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    """Those tensors on `device`; as they are, where they are there."""
    return [tensor.to(device) for tensor in tensors]


def own_gradients(inputs: str, cotangents: str, target: str) -> dict[str, Any]:
    """As `gradients`, of the loaded module, under the names that its export gave."""
    module, order = _state["module"], _state["inputs"]
    return differentiate(module, order, _state["outputs"], inputs, cotangents, target)


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
    "time_resident": time_resident,
    "gradients": gradients,
    "own_gradients": own_gradients,
}
