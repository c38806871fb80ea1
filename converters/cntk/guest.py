"""The CNTK worker: exports models to ONNX; builds functions from written source, loads, runs them.

Python 3.6, as all that it imports.
"""

import os
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of Linux distributions and GPUs
    import cntk  # noqa: F401
import numpy as np
from interop.converters.cntk import exporting, loading

from interop.workers.failures import GuestFailure
from interop.workers.tensors import read_tensors, write_tensors
from interop.workers.timing import time_calls
from interop.workers.written import import_source

_state = {}


def load_and_export(reference, path, inputs, outputs, sizes, trust):
    """Load the model that `reference` names and write it to `path` as ONNX.

    A file holds no Python, so `trust` is not needed; a callable is the user's own.
    """
    function = loading.load_reference(reference)
    feeds = loading.input_names(function, None if inputs is None else [i["name"] for i in inputs])
    names = loading.output_names(function, outputs)
    notes = exporting.export(function, feeds, names, path)
    _hold(function, feeds, names)
    return {"inputs": list(feeds.values()), "outputs": names, "notes": notes}


def _hold(function, feeds, names):
    arguments = {name: variable for variable, name in feeds.items()}
    _state.update(function=function, arguments=arguments, outputs=names)


def build(source, path):
    """Import `source`/model.py, build its function with its weights, and save it."""
    function = import_source(source).load()
    function.save(path)
    if not os.path.exists(path):  # it does not raise where the disk is full
        raise GuestFailure("OutputError", "{} could not be written".format(path))
    kinds = [node.op_name for node in exporting.in_order(function)]
    return {
        "nodes": len(kinds),
        "transposes": sum(kind.startswith("Transpose") for kind in kinds),
        "parameters": int(sum(np.prod(p.shape) for p in function.parameters)),
    }


def load(path):
    """Load a model as anybody would."""
    function = loading.load_file(path)
    feeds = loading.input_names(function, None)
    _hold(function, feeds, loading.output_names(function, None))
    return {"inputs": list(feeds.values()), "outputs": _state["outputs"]}


def run(inputs, outputs):
    """Run the loaded function on each folder of tensors; write its outputs into the other."""
    for source, target in zip(inputs, outputs):
        write_tensors(target, called(_feeds(source)))
    return {}


def called(feeds):
    """The results by name."""
    results = _state["function"].eval(feeds, as_numpy=True)
    if not isinstance(results, dict):
        return {_state["outputs"][0]: results}
    found = zip(_state["function"].outputs, _state["outputs"])
    return {name: results[variable] for variable, name in found}


def time_runs(inputs, runs, warmup):
    """Seconds of each of `runs` calls, after `warmup` calls that are not counted."""
    feeds = _feeds(inputs)
    return time_calls(lambda: called(feeds), runs, warmup)


def _feeds(folder):
    arrays = read_tensors(folder)
    return {
        variable: np.ascontiguousarray(arrays[name], dtype=np.float32)
        for name, variable in _state["arguments"].items()
    }


OPERATIONS = {
    "load_and_export": load_and_export,
    "build": build,
    "load": load,
    "run": run,
    "time": time_runs,
}
