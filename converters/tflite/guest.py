"""The TFLite worker: converts a built SavedModel to a `.tflite` file, and runs such files by LiteRT.

TensorFlow is imported only to build; what runs a file is the interpreter that devices have.
"""

import os
import tempfile
import time
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from interop.workers.failures import GuestFailure
from interop.workers.tensors import read_tensors, write_tensors

SIGNATURE = "serving_default"

_state: dict[str, Any] = {}


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
    interpreter = Interpreter(model_path=path, num_threads=os.cpu_count())
    runner = interpreter.get_signature_runner(SIGNATURE)
    _state.update(interpreter=interpreter, runner=runner)
    return {"inputs": list(runner.get_input_details())}


def run(inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    """Run the loaded signature on each folder of tensors; write its outputs into the other."""
    for source, target in zip(inputs, outputs, strict=True):
        write_tensors(target, _state["runner"](**_feeds(source)))
    return {}


def time_runs(inputs: str, runs: int, warmup: int) -> dict[str, list[float]]:
    """Seconds of each of `runs` calls, after `warmup` calls that are not counted."""
    feeds, seconds = _feeds(inputs), []
    runner = _state["runner"]
    for _ in range(warmup):
        runner(**feeds)
    for _ in range(runs):
        start = time.perf_counter()
        runner(**feeds)
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds}


def _feeds(folder: str) -> dict[str, np.ndarray]:
    return {name: np.asarray(array) for name, array in read_tensors(folder).items()}


OPERATIONS = {"build": build, "load": load, "run": run, "time": time_runs}
