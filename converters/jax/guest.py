"""The JAX worker: builds the artifact from written source, loads it from disk, and runs it."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
from interop.converters.jax.artifact import load_artifact, save_program
from interop.converters.jax.devices import settle
from interop.converters.jax.gradients import gradients

from interop.workers.failures import GuestFailure
from interop.workers.tensors import read_tensors, write_tensors
from interop.workers.timing import time_calls

# An exception is told to the host by its own words, not by what JAX says of its traceback.
jax.config.update("jax_traceback_filtering", "off")

_state: dict[str, Any] = {}


def load_and_export(
    reference: str,
    path: str,
    inputs: list[dict[str, Any]] | None,
    outputs: list[str] | None,
    sizes: dict[str, int],
    trust: bool,
) -> dict[str, Any]:
    """Load `reference` and write it to `path` as ONNX.

    `inputs` are tensor specs (name, dtype, shape with words for dynamic dimensions); None takes
    what the reference itself says of them.
    """
    from interop.converters.jax import exporting  # imports flax, too: slow

    loaded = exporting.load_reference(reference, trust=trust)
    specs = inputs if inputs is not None else loaded.specs
    if specs is None:
        raise GuestFailure(
            "UsageError",
            f"'{reference}' does not say what its inputs are",
            hint="Say it with --input, for example --input 'x:float32[batch,3,224,224]', or let the "
            "callable return (function, example inputs).",
        )
    # In the order in which the function takes them.
    order = [spec["name"] for spec in loaded.specs or specs]
    if sorted(order) != sorted(spec["name"] for spec in specs):
        raise GuestFailure("UsageError", f"the model's inputs are {', '.join(order)}")
    specs = sorted(specs, key=lambda spec: order.index(spec["name"]))
    # The order of a dict's keys is JAX's own: names given from outside cannot know it.
    made, notes = exporting.export(loaded, specs, sizes, Path(path))
    _state.update(function=loaded.runs(order), inputs=order)
    return {"inputs": order, "outputs": made, "notes": notes}


def build(source: str, path: str) -> dict[str, Any]:
    """Export the model written in `source` to `path`; says what had to be given up."""
    return save_program(Path(source), Path(path))


def load(path: str, device: str = "cpu", precision: str = "fp32") -> dict[str, Any]:
    """Load the program at `path`; where JAX could not make one, the source that lies beside it.

    precision: "fp32", or "tf32" for products that round their operands to it, where `device` can.
    """
    settle(device, precision)
    function, names = load_artifact(Path(path))
    _state.update(function=function, inputs=names, device=device)
    return {"inputs": names, "runtime": f"jax {jax.__version__}"}


def run(inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    """Run the loaded model on each folder of tensors; write its outputs into the other folder."""
    for source, target in zip(inputs, outputs, strict=True):
        results = _state["function"](**_feeds(source))
        write_tensors(target, {name: np.asarray(value) for name, value in results.items()})
    return {}


def time_runs(inputs: str, runs: int, warmup: int) -> dict[str, list[float]]:
    """Seconds of each of `runs` calls, after `warmup` calls that are not counted: from the host's
    memory to the host's memory."""
    if _state.get("device", "cpu") == "cpu":  # whose arrays are the host's
        return time_resident(inputs, runs, warmup)
    function, tensors = _state["function"], read_tensors(inputs)
    feeds = {name: np.array(tensors[name]) for name in _state["inputs"]}

    def there_and_back() -> Any:
        return jax.device_get(function(**jax.device_put(feeds)))

    return time_calls(there_and_back, runs, warmup)


def time_resident(inputs: str, runs: int, warmup: int) -> dict[str, list[float]]:
    """As `time_runs`, but inputs and outputs stay on the device. JAX has no clock of the device's
    own: the host's is read when the device has finished."""
    function, feeds = _state["function"], jax.block_until_ready(_feeds(inputs))
    return time_calls(lambda: jax.block_until_ready(function(**feeds)), runs, warmup)


def _feeds(folder: str) -> dict[str, Any]:
    tensors = read_tensors(folder)
    return {name: jax.numpy.asarray(tensors[name]) for name in _state["inputs"]}


OPERATIONS = {
    "load_and_export": load_and_export,
    "build": build,
    "load": load,
    "run": run,
    "time": time_runs,
    "time_resident": time_resident,
    "gradients": gradients,
}
