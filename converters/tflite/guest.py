"""The TFLite worker: exports `.tflite` files to ONNX, makes them of a built SavedModel, runs them.

TensorFlow is imported only to build; what runs a file is LiteRT, the interpreter that devices have.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from interop.converters.tflite import exporting, loading
from interop.converters.tflite.loading import Loaded

from interop.workers.failures import GuestFailure
from interop.workers.tensors import read_tensors, write_tensors
from interop.workers.timing import time_calls

SIGNATURE = "serving_default"

_state: dict[str, Any] = {}


def load_and_export(
    reference: str,
    path: str,
    inputs: list[dict[str, Any]] | None,
    outputs: list[str] | None,
    sizes: dict[str, int],
    trust: bool,
    signature: str | None = None,
) -> dict[str, Any]:
    """Load the file that `reference` names and write one of its functions to `path` as ONNX.

    The file itself says what its inputs are; words in `inputs` name its open dimensions. It holds no
    Python, so `trust` is not needed.
    """
    if not Path(reference).is_file():
        raise GuestFailure(
            "UsageError",
            f"{reference} is no file: a model in TFLite is one",
            hint="Name a .tflite file.",
        )
    loaded = loading.load_file(Path(reference), signature)
    made = list(loaded.signature.outputs)
    names = list(loaded.signature.inputs)
    for role, given, there in (
        ("inputs", None if inputs is None else [spec["name"] for spec in inputs], names),
        ("outputs", outputs, made),
    ):
        if given is not None and sorted(given) != sorted(there):
            raise GuestFailure("UsageError", f"the model's {role} are {', '.join(there)}")
    words = {spec["name"]: spec["shape"] for spec in inputs or ()}
    exporting.export(loaded.model, loaded.signature, outputs or made, words, Path(path))
    _hold(loaded)
    return {"inputs": names, "outputs": outputs or made, "notes": _notes(loaded)}


def _hold(loaded: Loaded) -> None:
    interpreter = loaded.interpreter(os.cpu_count())
    runner = interpreter.get_signature_runner(loaded.signature.key)
    _state.update(interpreter=interpreter, runner=runner, remembers=loaded.remembers)


def _notes(loaded: Loaded) -> list[str]:
    """What became of state, and what of it a caller has to do."""
    notes = []
    if loaded.states:
        names = ", ".join(f"'{one.name}'" for one in loaded.states)
        notes.append(
            f"the file's variables ({names}) are inputs here, and outputs with _next behind their "
            f"names, which the next call takes; at first they are {_firsts(loaded)}"
        )
    if loaded.remembers:
        notes.append("recurrent layers start each call from zero, as after reset_all_variables")
    return notes


def _firsts(loaded: Loaded) -> str:
    values = [one.first for one in loaded.states]
    if any(value is None or len(np.unique(value)) != 1 for value in values):
        return "what the file sets them to"
    kinds = sorted({value.reshape(-1)[0].item() for value in values if value is not None})
    return "all " + " or ".join(f"{kind:g}" for kind in kinds)


def build(
    source: str, path: str, precision: str = "float32", calibration: list[str] | None = None
) -> dict[str, Any]:
    """Build `source`/model.py as TensorFlow does, and convert that to the file `path`.

    precision: "float32"; "float16", weights stored so; "int8", weights and activations quantized
    where the operator can be, with ranges from running the folders of tensors in `calibration`,
    while the inputs and outputs of the model stay as they are.
    """
    import tensorflow as tf
    from interop.converters.tensorflow import guest

    with tempfile.TemporaryDirectory(prefix="interop-") as folder:
        built: dict[str, Any] = guest.build(source, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if precision == "int8":
            folders = calibration or []
            converter.representative_dataset = lambda: map(read_tensors, folders)
        data = _convert(converter)
    with open(path, "wb") as file:
        file.write(data)
    return {**built, "operators": _operators(path)}


def _convert(converter: Any) -> bytes:
    from tensorflow.lite.python.convert_phase import ConverterError

    try:
        data: bytes = converter.convert()
    except ConverterError as error:
        names = sorted({e.operator.name for e in error.errors if e.operator.name})
        if not names:
            raise
        raise GuestFailure(
            "UnsupportedOperator",
            f"TFLite has no operators of its own for {', '.join(names)}",
            hint="They would need TensorFlow's own kernels (Flex) on the device; "
            "convert to tensorflow instead, or change the model to avoid them.",
        ) from error
    return data


def _operators(path: str) -> list[str]:
    """The file's operators, each once."""
    details = Interpreter(
        model_path=path, experimental_op_resolver_type=_plain()
    )._get_ops_details()
    return sorted({one["op_name"] for one in details})


def _plain() -> Any:
    """Kernels without a delegate, which would show as one operator."""
    from ai_edge_litert.interpreter import OpResolverType

    return OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES


def load(path: str) -> dict[str, Any]:
    """Load a `.tflite` file's signature; dynamic dimensions are sized by what it is given."""
    threads = int(os.environ.get("INTEROP_THREADS", 0)) or os.cpu_count()
    interpreter = Interpreter(model_path=path, num_threads=threads)
    runner = interpreter.get_signature_runner(SIGNATURE)
    _state.update(interpreter=interpreter, runner=runner, remembers=False)
    return {"inputs": list(runner.get_input_details())}


def run(inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    """Run the loaded signature on each folder of tensors; write its outputs into the other."""
    for source, target in zip(inputs, outputs, strict=True):
        write_tensors(target, _state["runner"](**_feeds(source)))
        if _state["remembers"]:  # for the next call; what is just loaded remembers nothing
            _state["interpreter"].reset_all_variables()
    return {}


def time_runs(inputs: str, runs: int, warmup: int) -> dict[str, list[float]]:
    """Seconds of each of `runs` calls, after `warmup` calls that are not counted."""
    feeds, runner = _feeds(inputs), _state["runner"]
    return time_calls(lambda: runner(**feeds), runs, warmup)


def _feeds(folder: str) -> dict[str, np.ndarray]:
    return {name: np.asarray(array) for name, array in read_tensors(folder).items()}


OPERATIONS = {
    "load_and_export": load_and_export,
    "build": build,
    "load": load,
    "run": run,
    "time": time_runs,
}
