"""The Caffe2 worker: exports nets to ONNX; builds them from written source, loads and runs them.

Python 3.6, as all that it imports.
"""

import numpy as np
from caffe2.python import workspace
from interop.converters.caffe2 import exporting, loading

from interop.workers.failures import GuestFailure
from interop.workers.tensors import read_tensors, write_tensors
from interop.workers.timing import time_calls
from interop.workers.written import import_source

_state = {}


def load_and_export(reference, path, inputs, outputs, sizes, trust):
    """Load the model that `reference` names and write it to `path` as ONNX.

    A net runs no Python, so `trust` is not needed; a callable is the user's own.
    """
    init, predict = loading.load_reference(reference)
    weights = _prepare(init, predict)
    blobs = _free(predict, weights, inputs)
    specs = _declared(blobs, inputs)
    results = _named_results(predict, outputs)
    for blob, (dtype, shape) in specs.items():
        known = [d if isinstance(d, int) else max(2, sizes.get(d, 2)) for d in shape]
        workspace.FeedBlob(blob, np.zeros(known, dtype))
    _run(predict.name)
    held = {blob: _fetched(blob) for blob in workspace.Blobs()}
    held = {blob: array for blob, array in held.items() if array is not None}
    exporting.export(predict, specs, results, weights, held, path)
    _state.update(net=predict.name, inputs=list(specs), outputs=results)
    return {"inputs": list(specs), "outputs": list(results), "notes": []}


def _prepare(init, predict):
    """Fill the weights and create the net; {blob: array} of the weights."""
    workspace.ResetWorkspace()
    try:
        workspace.RunNetOnce(init)
        weights = {blob: workspace.FetchBlob(blob) for blob in workspace.Blobs()}
        made = {name for op in predict.op for name in op.output}
        for blob in predict.external_input:
            if blob not in weights and blob not in made:
                workspace.CreateBlob(blob)
        workspace.CreateNet(predict)
    except RuntimeError as error:
        raise GuestFailure(
            "InvalidModel", "Caffe2 does not take this model: {}".format(_first(error))
        ) from error
    return weights


def _run(name):
    try:
        workspace.RunNet(name)
    except RuntimeError as error:
        raise GuestFailure(
            "InvalidModel",
            "Caffe2 does not run this model on its inputs: {}".format(_first(error)),
            hint="Their shapes may not be what --input says.",
        ) from error


def _first(error):
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _fetched(blob):
    """What a blob holds; None where that is no array."""
    value = workspace.FetchBlob(blob)
    return value if isinstance(value, np.ndarray) and value.dtype.kind in "biuf" else None


def _free(predict, weights, declared):
    """The inputs: what is declared so, though init_net may fill it, or what nothing gives."""
    made = {name for op in predict.op for name in op.output}
    free = [b for b in predict.external_input if b not in weights and b not in made]
    names = [spec["name"] for spec in declared or ()]
    if declared is None or sorted(names) == sorted(free):
        return free
    if set(free) <= set(names) <= set(predict.external_input):
        return names
    raise GuestFailure("UsageError", "the model's inputs are {}".format(", ".join(free)))


def _declared(blobs, inputs):
    """{blob: (dtype, shape)}, in order; a net does not say what it takes."""
    if inputs is None:
        wanted = " ".join("--input '{}:float32[…]'".format(blob) for blob in blobs)
        raise GuestFailure(
            "UsageError",
            "a net does not say the shapes of its inputs: {}".format(", ".join(blobs)),
            hint="Give them: {}.".format(wanted),
        )
    by_name = {spec["name"]: spec for spec in inputs}
    return {blob: (by_name[blob]["dtype"], by_name[blob]["shape"]) for blob in blobs}


def _named_results(predict, outputs):
    """{name: blob}; without any that are said to be results, those that nobody takes."""
    taken = {name for op in predict.op for name in op.input}
    blobs = list(predict.external_output) or [
        name for op in predict.op for name in op.output if name not in taken
    ]
    if outputs is None or sorted(outputs) == sorted(blobs):
        return {blob: blob for blob in outputs or blobs}
    if len(outputs) != len(blobs):
        raise GuestFailure("UsageError", "the model's outputs are {}".format(", ".join(blobs)))
    return dict(zip(outputs, blobs))


def build(source, path):
    """Import `source`/model.py, build its nets, and save both; `path` is of predict_net.pb."""
    init, predict = import_source(source).nets()
    for net, file in ((init, loading.init_of(path)), (predict, path)):
        with open(file, "wb") as opened:
            opened.write(net.SerializeToString())
    weights = _prepare(init, predict)
    return {
        "nodes": len(predict.op),
        "transposes": sum(op.type == "Transpose" for op in predict.op),
        "parameters": int(sum(array.size for array in weights.values())),
    }


def load(path):
    """Load both nets as anybody would."""
    init, predict = loading.load_files(path)
    hold(init, predict)
    return {"inputs": _state["inputs"], "outputs": list(_state["outputs"])}


def hold(init, predict):
    """Make these nets the ones that run."""
    weights = _prepare(init, predict)
    results = _named_results(predict, None)
    _state.update(net=predict.name, inputs=_free(predict, weights, None), outputs=results)


def run(inputs, outputs):
    """Run the loaded net on each folder of tensors; write its outputs into the other folder."""
    for source, target in zip(inputs, outputs):
        write_tensors(target, called(read_tensors(source)))
    return {}


def called(arrays):
    """The results by name."""
    _feed(arrays)
    _run(_state["net"])
    return {name: workspace.FetchBlob(blob) for name, blob in _state["outputs"].items()}


def _feed(arrays):
    for blob in _state["inputs"]:
        workspace.FeedBlob(blob, np.ascontiguousarray(arrays[blob]).reshape(arrays[blob].shape))


def time_runs(inputs, runs, warmup):
    """Seconds of each of `runs` calls, after `warmup` calls that are not counted."""
    arrays = read_tensors(inputs)
    return time_calls(lambda: called(arrays), runs, warmup)


OPERATIONS = {
    "load_and_export": load_and_export,
    "build": build,
    "load": load,
    "run": run,
    "time": time_runs,
}
