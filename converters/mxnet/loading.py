"""A model reference → a gluon SymbolBlock, and what is known of its inputs."""

import importlib
import json
import os
import re

import mxnet as mx

from interop.workers.failures import GuestFailure

_SYMBOL = "-symbol.json"

#: How gluon and Module name what is learnt or measured.
_PARAMETER = re.compile(
    r"(weight|bias|gamma|beta|(running|moving)_(mean|var)|parameters|alpha|const\d*)$"
)


class Loaded:
    """symbol: with the names of inputs and parameters; arrays: parameters by name; `examples` are
    arrays that a callable brought, or None."""

    def __init__(self, symbol, arrays, examples=None):
        self.symbol, self.arrays, self.examples = symbol, arrays, examples
        self.inputs = [name for name in symbol.list_inputs() if name not in arrays]
        self.is_np = mx.util.is_np_array()

    def block(self):
        """A SymbolBlock with the parameters."""
        kind = (lambda s: s.as_np_ndarray()) if self.is_np else (lambda s: s)
        inputs = [kind(mx.sym.var(name)) for name in self.inputs]
        outputs = [self.symbol[i] for i in range(len(self.symbol.list_outputs()))]
        block = mx.gluon.SymbolBlock([kind(one) for one in outputs], inputs)
        for name, parameter in block.collect_params().items():
            parameter.shape = self.arrays[name].shape
            parameter.cast(self.arrays[name].dtype)
            parameter.initialize(mx.init.Zero())
            parameter.set_data(self.arrays[name])
        block.hybridize()
        return block


def load_reference(reference, names):
    """A `…-symbol.json`, a folder that holds one, or `package.module:callable`.

    names: of the inputs, where they are known. Fails as InvalidModel where the files are not
    complete, as UsageError where the reference leads nowhere.
    """
    if os.path.exists(reference):
        return _load_files(_symbol_file(reference), names)
    return _load_callable(reference, names)


def _symbol_file(reference):
    if os.path.isfile(reference):
        return reference
    found = sorted(name for name in os.listdir(reference) if name.endswith(_SYMBOL))
    if len(found) != 1:
        raise GuestFailure(
            "InvalidModel",
            "{} holds {} files of the form *{}".format(reference, len(found) or "no", _SYMBOL),
            hint="Name the file itself.",
        )
    return os.path.join(reference, found[0])


def parameter_file(path):
    """The newest parameters beside the symbol `path`: <name>-<epoch>.params, or <name>.params."""
    folder, name = os.path.split(os.path.abspath(path))
    stem = name[: -len(_SYMBOL)] if name.endswith(_SYMBOL) else os.path.splitext(name)[0]
    pattern = re.compile(re.escape(stem) + r"(-\d+)?\.params$")
    found = sorted(one for one in os.listdir(folder) if pattern.match(one))
    return os.path.join(folder, found[-1]) if found else None


def _load_files(path, names):
    _choose_semantics(path)
    try:
        symbol = mx.sym.load(path)
    except mx.MXNetError as error:
        raise GuestFailure(
            "InvalidModel", "{} is no MXNet symbol: {}".format(path, _first(error))
        ) from error
    parameters = parameter_file(path)
    arrays = _arrays(parameters) if parameters else {}
    _check_complete(symbol, arrays, path, parameters, names)
    return Loaded(symbol, {n: a for n, a in arrays.items() if n in set(symbol.list_inputs())})


def _choose_semantics(path):
    """MXNet's own arrays or NumPy's, whichever the symbol was written with."""
    try:
        with open(path, encoding="utf-8") as file:
            nodes = json.load(file)["nodes"]
    except (ValueError, KeyError, TypeError) as error:
        raise GuestFailure("InvalidModel", "{} is no MXNet symbol".format(path)) from error
    if any(node["op"].startswith(("_np", "_npi_", "_npx_")) for node in nodes):
        mx.npx.set_np()


def _arrays(path):
    load = mx.npx.load if mx.util.is_np_array() else mx.nd.load
    try:
        stored = load(path)
    except mx.MXNetError as error:
        raise GuestFailure(
            "InvalidModel", "{} holds no MXNet parameters: {}".format(path, _first(error))
        ) from error
    if not isinstance(stored, dict):
        raise GuestFailure("InvalidModel", "{} holds parameters without names".format(path))
    return {name.split(":", 1)[-1]: array for name, array in stored.items()}


def _check_complete(symbol, arrays, path, parameters, names):
    """Raise InvalidModel where a parameter has no array, naming all of those."""
    free = [name for name in symbol.list_inputs() if name not in arrays]
    if names is None:
        missing = [name for name in free if _PARAMETER.search(name)]
    else:
        missing = [name for name in free if name not in names]
    if not missing:
        return
    shown = ", ".join(missing[:8]) + (", …" if len(missing) > 8 else "")
    if parameters is None:
        raise GuestFailure(
            "InvalidModel",
            "{} has no parameters beside it: {} are not given".format(path, shown),
            hint="Put <name>-0000.params into the same folder.",
        )
    raise GuestFailure(
        "InvalidModel",
        "{} lacks {} of {}".format(parameters, shown, os.path.basename(path)),
        hint="Save symbol and parameters together (block.export), or name them as --input.",
    )


def _load_callable(reference, names):
    module_name, _, attribute = reference.partition(":")
    try:
        found = importlib.import_module(module_name)
    except ImportError as error:
        raise GuestFailure(
            "UsageError",
            "'{}' cannot be imported: {}".format(reference, error),
            hint="The module must lie in the working directory or be installed where MXNet is.",
        ) from error
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise GuestFailure("UsageError", "'{}' has no '{}'".format(module_name, attribute))
        found = getattr(found, name)
    made = found if isinstance(found, mx.gluon.HybridBlock) else found()
    block, examples = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    if not isinstance(block, mx.gluon.HybridBlock):
        raise GuestFailure(
            "UsageError",
            "'{}' gave a {}, not a gluon HybridBlock".format(reference, type(block).__name__),
            hint="Let it return the block, or (block, example inputs).",
        )
    if names is None:
        if examples is None:
            raise GuestFailure(
                "UsageError",
                "what '{}' takes is not known".format(reference),
                hint="Say it, e.g. --input 'x:float32[batch,3,224,224]', or return (block, inputs).",
            )
        names = ["data"] if len(examples) == 1 else ["data%d" % i for i in range(len(examples))]
    return _traced(block, names, examples)


def _traced(block, names, examples):
    """The block's symbol, with inputs of these names."""
    variables = [mx.sym.var(name) for name in names]
    if mx.util.is_np_array():
        variables = [variable.as_np_ndarray() for variable in variables]
    outputs = block(*variables)
    outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    arrays = {parameter.name: parameter.data() for parameter in block.collect_params().values()}
    symbol = mx.sym.Group(outputs) if len(outputs) > 1 else outputs[0]
    used = set(symbol.list_inputs())
    return Loaded(symbol, {n: a for n, a in arrays.items() if n in used}, examples)


def _first(error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
