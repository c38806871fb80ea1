"""The MXNet worker: exports models to ONNX; builds symbols from written source, loads and runs them."""

import json
import os

import mxnet as mx
import numpy as np
from interop.converters.mxnet import exporting
from interop.converters.mxnet.loading import load_reference

from interop.workers.failures import GuestFailure
from interop.workers.tensors import read_tensors, write_tensors
from interop.workers.timing import time_calls
from interop.workers.written import import_source

_state = {}


def load_and_export(reference, path, inputs, outputs, sizes, trust):
    """Load the model that `reference` names and write it to `path` as ONNX.

    A symbol runs no Python, so `trust` is not needed; a callable is the user's own.
    """
    names = None if inputs is None else [spec["name"] for spec in inputs]
    loaded = load_reference(reference, names)
    specs = inputs if inputs is not None else _declared(loaded)
    if sorted(spec["name"] for spec in specs) != sorted(loaded.inputs):
        raise GuestFailure(
            "UsageError", "the model's inputs are {}".format(", ".join(loaded.inputs))
        )
    results = exporting.export(loaded, specs, outputs, sizes, path)
    _state.update(block=loaded.block(), inputs=loaded.inputs, outputs=results)
    return {"inputs": loaded.inputs, "outputs": results, "notes": []}


def _declared(loaded):
    """What a callable's example inputs say; a symbol says nothing of what it takes."""
    if loaded.examples is None:
        wanted = " ".join("--input '{}:float32[…]'".format(name) for name in loaded.inputs)
        raise GuestFailure(
            "UsageError",
            "a symbol does not say the shapes of its inputs: {}".format(", ".join(loaded.inputs)),
            hint="Give them: {}.".format(wanted),
        )
    return [
        {"name": name, "dtype": np.dtype(array.dtype).name, "shape": list(array.shape)}
        for name, array in zip(loaded.inputs, loaded.examples)
    ]


def build(source, path):
    """Import `source`/model.py, build the symbol with its weights; save both, as gluon exports do.

    `path` ends in `-symbol.json`; the parameters lie beside it, `-0000.params`.
    """
    written = import_source(source)
    block = written.load()
    symbol = block._cached_graph[1]
    symbol.save(path)
    auxiliary = set(symbol.list_auxiliary_states())
    arrays = {
        ("aux:" if name in auxiliary else "arg:") + name: parameter.data()
        for name, parameter in block.collect_params().items()
    }
    mx.npx.save(parameters_of(path), arrays)
    nodes = [node["op"] for node in json.loads(symbol.tojson())["nodes"]]
    return {
        "nodes": sum(kind != "null" for kind in nodes),
        "transposes": sum("transpose" in kind for kind in nodes),
        "parameters": int(sum(array.size for array in arrays.values())),
    }


def parameters_of(path):
    """Where the parameters of the symbol in `path` lie."""
    return path[: -len("-symbol.json")] + "-0000.params"


def load(path):
    """Load symbol and parameters as anybody would, as a gluon SymbolBlock."""
    mx.npx.set_np()
    symbol = mx.sym.load(path)
    stored = mx.npx.load(parameters_of(path)) if os.path.exists(parameters_of(path)) else {}
    known = {name.split(":", 1)[1] for name in stored}
    inputs = [name for name in symbol.list_inputs() if name not in known]
    outputs = [name[: -len("_output")] for name in symbol.list_outputs()]
    block = mx.gluon.SymbolBlock.imports(path, inputs, parameters_of(path) if stored else None)
    block.hybridize()
    _state.update(block=block, inputs=inputs, outputs=outputs)
    return {"inputs": inputs, "outputs": outputs}


def run(inputs, outputs):
    """Run the loaded model on each folder of tensors; write its outputs into the other folder."""
    for source, target in zip(inputs, outputs):
        write_tensors(target, called(_state, read_tensors(source)))
    return {}


def called(state, arrays):
    """The block's results by name, as NumPy arrays."""
    return {name: value.asnumpy() for name, value in zip(state["outputs"], _call(state, arrays))}


def _call(state, arrays):
    results = state["block"](*_feeds(state, arrays))
    return results if isinstance(results, (list, tuple)) else [results]


def _feeds(state, arrays):
    """The inputs as MXNet's arrays, of NumPy's semantics or its own, as the model has them."""
    kind = mx.np.array if mx.util.is_np_array() else mx.nd.array
    return [kind(arrays[name], dtype=arrays[name].dtype) for name in state["inputs"]]


def time_runs(inputs, runs, warmup):
    """Seconds of each of `runs` calls, after `warmup` calls that are not counted."""
    arrays = {name: np.asarray(array) for name, array in read_tensors(inputs).items()}
    feeds = _feeds(_state, arrays)

    def finished():
        results = _state["block"](*feeds)
        for value in results if isinstance(results, (list, tuple)) else [results]:
            value.wait_to_read()

    return time_calls(finished, runs, warmup)


OPERATIONS = {
    "load_and_export": load_and_export,
    "build": build,
    "load": load,
    "run": run,
    "time": time_runs,
}
