"""The worker's side of Tape. Python 3.6."""

import json
import time

import numpy as np

from interop.workers.failures import GuestFailure
from interop.workers.onnx_file import Graph
from interop.workers.tensors import read_tensors, write_tensors
from interop.workers.written import import_source
from interop_tape import tape

_ONNX = {"matmul": "MatMul", "add": "Add", "relu": "Relu", "tanh": "Tanh"}

_state = {}


def load_and_export(reference, path, inputs, outputs, sizes, trust):
    """Load the tape in the file `reference`, and write it to `path` as ONNX."""
    loaded = load(reference)
    model = _state["tape"]
    graph = Graph(opset=13)
    for name, dtype, shape in model.inputs:
        graph.input(name, dtype, shape)
    names = {name: name for name, _, _ in model.inputs}
    names.update((name, graph.constant(array, name)) for name, array in model.arrays.items())
    for operator, result, operands in model.steps:
        names[result] = graph.node(_ONNX[operator], [names[name] for name in operands])
    shapes = _example(model)
    for name, result in model.outputs.items():
        graph.node("Identity", [names[result]], name)
        graph.output(name, np.float32, ["batch", *shapes[name].shape[1:]])
    graph.save(path)
    return dict(loaded, notes=[])


def _example(model):
    feeds = {
        name: np.zeros([2 if isinstance(size, str) else size for size in shape], dtype)
        for name, dtype, shape in model.inputs
    }
    return model.run(feeds)


def build(source, path):
    """Record `source`/model.py with its weights, and save the tape."""
    written = import_source(source)
    made = tape.Tape(written.INPUTS, _weights(source + "/weights.safetensors"))
    written.record(made)
    made.save(path)
    return {"nodes": len(made.steps), "parameters": sum(a.size for a in made.arrays.values())}


def _weights(path):
    """The arrays of a safetensors file: the length of a JSON header, the header, the data."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")).decode("utf-8"))
        data = file.read()
    header.pop("__metadata__", None)
    return {
        name: np.frombuffer(data[slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"])
        for name, entry in header.items()
    }


def load(path):
    try:
        _state["tape"] = tape.load(path)
    except (OSError, ValueError, KeyError) as error:
        raise GuestFailure("InvalidModel", f"{path} is no tape: {error}") from error
    names = [name for name, _, _ in _state["tape"].inputs]
    return {"inputs": names, "outputs": list(_state["tape"].outputs)}


def run(inputs, outputs):
    for source, target in zip(inputs, outputs):  # noqa: B905 - strict is of Python 3.10
        write_tensors(target, _state["tape"].run(read_tensors(source)))
    return {}


def time_runs(inputs, runs, warmup):
    feeds, seconds = read_tensors(inputs), []
    for count in range(warmup + runs):
        start = time.perf_counter()
        _state["tape"].run(feeds)
        if count >= warmup:
            seconds.append(time.perf_counter() - start)
    return {"seconds": seconds}


OPERATIONS = {
    "load_and_export": load_and_export,
    "build": build,
    "load": load,
    "run": run,
    "time": time_runs,
}
