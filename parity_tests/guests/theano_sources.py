"""Runs in the Theano worker: written sources, built and run, many in one call.

In Python, as without a C compiler: each case would be compiled first.
"""

import os

os.environ["THEANO_FLAGS"] = "cxx="

from interop.converters.theano import loading
from interop.converters.theano.home import default_mode
from values import read_values, write_values


def run_sources(folders):
    """Each folder holds model.py, weights.safetensors and `in`; its results go to `out`.

    Returns one message a folder: "" where it ran.
    """
    return {"messages": [_run(folder) for folder in folders]}


def _run(folder):
    try:
        loaded = loading.load_source(folder, trust=True)
        arrays = read_values(os.path.join(folder, "in"))
        results = loaded.compiled(default_mode())(*[arrays[name] for name in loaded.inputs])
        write_values(os.path.join(folder, "out"), dict(zip(loaded.outputs, results)))
    except Exception as error:  # noqa: BLE001 - told to the host, which knows what to expect of this case
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return "{}: {}".format(type(error).__name__, lines[0] if lines else "")[:300]
    return ""


OPERATIONS = {"run_sources": run_sources}
