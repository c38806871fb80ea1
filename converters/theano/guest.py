"""The Theano worker: exports graphs to ONNX; builds them from written source, and runs them.

Python 3.6, as all that it imports.
"""

import os

import numpy as np
from interop.converters.theano import exporting, loading
from interop.converters.theano.home import default_mode, theano

from interop.workers.failures import GuestFailure
from interop.workers.tensors import read_tensors, write_tensors
from interop.workers.timing import time_calls

_state = {}


def load_and_export(reference, path, inputs, outputs, sizes, trust):
    """Load the model that `reference` names and write it to `path` as ONNX."""
    loaded = loading.load_reference(reference, trust)
    if inputs is not None:
        loaded.inputs = _renamed(loaded.inputs, [spec["name"] for spec in inputs], "inputs")
    if outputs is not None:
        loaded.outputs = _renamed(loaded.outputs, outputs, "outputs")
    specs = {spec["name"]: spec for spec in inputs or _declared(loaded)}
    for name, variable in loaded.inputs.items():
        _check(name, variable, specs[name])
    exporting.export(loaded.inputs, loaded.outputs, specs, path)
    _hold(loaded)
    notes = []
    if loaded.updated:
        notes.append(f"{loaded.updated} shared variable(s) that it updates stay as they are")
    return {"inputs": list(loaded.inputs), "outputs": list(loaded.outputs), "notes": notes}


def _renamed(variables, names, what):
    """Under the names that are declared: the same ones, or as many others in the same order."""
    if set(names) == set(variables):
        return {name: variables[name] for name in names}
    if len(names) != len(variables):
        raise GuestFailure("UsageError", "the model's {} are {}".format(what, ", ".join(variables)))
    return dict(zip(names, variables.values()))


def _declared(loaded):
    """What the inputs' test values say; a variable itself knows its number of axes only."""
    tests = {name: getattr(v.tag, "test_value", None) for name, v in loaded.inputs.items()}
    if any(value is None for value in tests.values()):
        wanted = " ".join(
            "--input '{}:{}[{}]'".format(name, v.type.dtype, ",".join("…" * v.ndim))
            for name, v in loaded.inputs.items()
        )
        raise GuestFailure(
            "UsageError",
            "Theano's variables do not say the sizes of the inputs: {}".format(", ".join(tests)),
            hint=f"Give them: {wanted}. Or set tag.test_value of each.",
        )
    return [{"name": name, "shape": list(np.shape(value))} for name, value in tests.items()]


def _check(name, variable, spec):
    kind = variable.type
    if len(spec["shape"]) != kind.ndim or spec.get("dtype", kind.dtype) != kind.dtype:
        raise GuestFailure(
            "UsageError",
            f"the input '{name}' has {kind.ndim} axes, of {kind.dtype}",
        )
    for axis, (size, one) in enumerate(zip(spec["shape"], kind.broadcastable)):
        if one and size != 1:
            raise GuestFailure("UsageError", f"axis {axis} of '{name}' has one entry")


def _hold(loaded):
    _state.update(
        function=loaded.compiled(default_mode()), inputs=loaded.inputs, outputs=list(loaded.outputs)
    )


def build(source, path):
    """Import `source`/model.py and build its graph, which is all that there is to an artifact.

    path: of that model.py. What is compiled here need not be when the graph is loaded.
    """
    loaded = loading.load_source(source, trust=True)  # it is what interop has just written
    _hold(loaded)
    nodes = theano.gof.graph.io_toposort(
        list(loaded.inputs.values()), list(loaded.outputs.values())
    )
    leaves = theano.gof.graph.inputs(list(loaded.outputs.values()))
    shared = [v for v in leaves if isinstance(v, theano.compile.SharedVariable)]
    return {
        "nodes": len(nodes),
        "transposes": sum(_moves(node.op) for node in nodes),
        "parameters": int(sum(v.get_value(borrow=True).size for v in set(shared))),
    }


def _moves(op):
    """Whether it changes the order of axes."""
    order = [axis for axis in getattr(op, "new_order", ()) if axis != "x"]
    return order != sorted(order)


def load(path):
    """Load the graph of the model.py at `path`, as anybody would, and compile it."""
    loaded = loading.load_source(os.path.dirname(path), trust=True)  # named by its own builder
    _hold(loaded)
    return {"inputs": list(loaded.inputs), "outputs": _state["outputs"]}


def run(inputs, outputs):
    """Run the loaded model on each folder of tensors; write its outputs into the other folder."""
    for source, target in zip(inputs, outputs):
        write_tensors(target, called(_feeds(source)))
    return {}


def called(feeds):
    """The results by name."""
    return dict(zip(_state["outputs"], _state["function"](*feeds)))


def time_runs(inputs, runs, warmup):
    """Seconds of each of `runs` calls, after `warmup` calls that are not counted."""
    feeds = _feeds(inputs)
    return time_calls(lambda: called(feeds), runs, warmup)


def _feeds(folder):
    tensors = read_tensors(folder)
    return [
        np.ascontiguousarray(tensors[name]).reshape(tensors[name].shape)
        for name in _state["inputs"]
    ]


OPERATIONS = {
    "load_and_export": load_and_export,
    "build": build,
    "load": load,
    "run": run,
    "time": time_runs,
}
