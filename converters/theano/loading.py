"""A model reference → Theano variables: what a graph takes and gives. Python 3.6."""

import importlib
import os
import pickle

from interop.converters.theano.home import theano

from interop.workers.failures import GuestFailure
from interop.workers.written import import_source

_NEEDED = "Let it return (inputs, outputs), or a compiled theano.function."


class Loaded:
    """inputs, outputs: {name: variable}, in order; updated: how many shared variables a function
    changes as it runs, which no other framework does."""

    def __init__(self, inputs, outputs, updated=0):
        self.inputs, self.outputs, self.updated = inputs, outputs, updated

    def compiled(self, mode):
        return theano.function(
            list(self.inputs.values()), list(self.outputs.values()), mode=mode,
            on_unused_input="ignore", name="model",
        )  # fmt: skip


def load_reference(reference, trust):
    """`package.module:callable`, a folder with a model.py of ours, or (trusted) a pickled function.

    Fails as InvalidModel where the file cannot be used, as UsageError where the name leads nowhere.
    """
    if os.path.isdir(reference):
        return load_source(reference, trust)
    if os.path.exists(reference):
        return _load_pickle(reference, trust)
    return _read(_called(reference), reference)


def load_source(folder, trust):
    """What the model.py in `folder` builds, with the weights beside it."""
    if not os.path.isfile(os.path.join(folder, "model.py")):
        raise GuestFailure(
            "InvalidModel",
            f"{folder} is no model in Theano: it holds no model.py",
            hint="Name what a conversion wrote, or package.module:callable.",
        )
    if not trust:
        raise GuestFailure(
            "InvalidModel",
            f"{folder} holds source, as Theano has no other form: loading it would run its model.py",
            hint="If you know where it comes from, say --trust.",
        )
    return _read(import_source(folder).load(), folder)


def _load_pickle(path, trust):
    if not trust:
        raise GuestFailure(
            "InvalidModel",
            f"{path} can only be a pickle: opening it would run any code that it carries",
            hint="If you know where it comes from, say --trust; or give package.module:callable.",
        )
    try:
        with open(path, "rb") as file:
            found = pickle.load(file)
    except Exception as error:
        raise GuestFailure(
            "InvalidModel", f"{path} is no pickle of a Theano function: {error}"
        ) from error
    return _read(found, path)


def _called(reference):
    module_name, _, attribute = reference.partition(":")
    try:
        found = importlib.import_module(module_name)
    except ImportError as error:
        raise GuestFailure(
            "UsageError",
            f"'{reference}' cannot be imported: {error}",
            hint="The module must lie in the working directory or be installed where Theano is.",
        ) from error
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise GuestFailure("UsageError", f"'{module_name}' has no '{attribute}'")
        found = getattr(found, name)
    if isinstance(found, theano.compile.Function):
        return found
    if not callable(found):
        raise GuestFailure(
            "UsageError",
            f"'{reference}' is a {type(found).__name__}, and cannot be called",
            hint=_NEEDED,
        )
    return found()


def _read(found, reference):
    if isinstance(found, theano.compile.Function):
        return _of_function(found)
    if not (isinstance(found, tuple) and len(found) == 2):
        raise GuestFailure(
            "UsageError",
            f"'{reference}' gave a {type(found).__name__}, and no inputs and outputs",
            hint=_NEEDED,
        )
    return Loaded(_named(found[0], "input", reference), _named(found[1], "output", reference))


def _of_function(function):
    """The graph as it was before Theano optimised it. Shared variables are no inputs."""
    maker = function.maker
    free = [one.variable for one in maker.inputs if not (one.shared or one.implicit)]
    given = [one.variable for one in maker.outputs]
    updated = sum(one.update is not None for one in maker.inputs)
    keys = function.output_keys
    results = given if keys is None else dict(zip(keys, given))
    return Loaded(_named(free, "input", "it"), _named(results, "output", "it"), updated)


def _named(variables, what, reference):
    """{name: variable}: by the keys of a dict, by their own names, or numbered."""
    if isinstance(variables, dict):
        pairs = list(variables.items())
    else:
        listed = variables if isinstance(variables, (list, tuple)) else [variables]
        names = [getattr(v, "name", None) or f"{what}_{i}" for i, v in enumerate(listed)]
        if len(set(names)) < len(names):
            names = [f"{what}_{i}" for i in range(len(listed))]
        pairs = list(zip(names, listed))
    for name, variable in pairs:
        if not isinstance(getattr(variable, "type", None), theano.tensor.TensorType):
            raise GuestFailure(
                "UsageError",
                f"the {what} '{name}' of '{reference}' is a {type(variable).__name__}, and no tensor "
                "of Theano",
                hint=_NEEDED,
            )
    return dict(pairs)
