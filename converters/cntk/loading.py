"""A model reference → a CNTK function, and the names of what it takes and gives. Python 3.6."""

import importlib

import cntk as C

from interop.workers.failures import GuestFailure


def load_reference(reference):
    """`package.module:callable` that returns a function, or a file (.model, .dnn)."""
    module_name, colon, attribute = reference.rpartition(":")
    if not colon or "/" in reference:
        return load_file(reference)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise GuestFailure(
            "UsageError",
            "'{}' cannot be imported: {}".format(reference, error),
            hint="The module must lie in the working directory, and run on Python 3.6.",
        ) from error
    if not hasattr(module, attribute):
        raise GuestFailure("UsageError", "'{}' has no '{}'".format(module_name, attribute))
    function = getattr(module, attribute)()
    if not isinstance(function, C.Function):
        raise GuestFailure(
            "UsageError",
            "'{}' gave a {}, not a cntk.Function".format(reference, type(function).__name__),
        )
    return function


def load_file(path):
    """Raises GuestFailure (InvalidModel) where CNTK cannot read it."""
    try:
        return C.Function.load(path)
    except (RuntimeError, ValueError) as error:
        raise GuestFailure(
            "InvalidModel",
            "CNTK cannot read {}: {}".format(path, str(error).splitlines()[0]),
            hint="It reads what Function.save writes (.model, .dnn).",
        ) from error


def input_names(function, wanted):
    """{argument: name}: as declared, or the arguments' own where they have them."""
    names = [v.name or "input_{}".format(i) for i, v in enumerate(function.arguments)]
    if wanted is not None and sorted(wanted) != sorted(names):
        if len(wanted) != len(names):
            raise GuestFailure("UsageError", "the model's inputs are {}".format(", ".join(names)))
        names = wanted
    return dict(zip(function.arguments, names))


def output_names(function, wanted):
    """As declared, or the outputs' own where they have them."""
    names = [v.name or "output_{}".format(i) for i, v in enumerate(function.outputs)]
    if len(set(names)) < len(names):
        names = ["output_{}".format(i) for i in range(len(names))]
    if wanted is None:
        return names
    if len(wanted) != len(names):
        raise GuestFailure("UsageError", "the model's outputs are {}".format(", ".join(names)))
    return list(wanted)
