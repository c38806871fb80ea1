"""Runs in the Caffe2 worker: written sources, built and run, many in one call."""

import os

from interop.converters.caffe2 import guest
from values import read_values, write_values

from interop.workers.written import import_source


def run_sources(folders):
    """Each folder holds model.py, weights.safetensors and `in`; its results go to `out`.

    Returns one message a folder: "" where it ran.
    """
    return {"messages": [_run(folder) for folder in folders]}


def _run(folder):
    try:
        guest.hold(*import_source(folder).nets())
        results = guest.called(read_values(os.path.join(folder, "in")))
        write_values(os.path.join(folder, "out"), results)
    except Exception as error:  # noqa: BLE001 - told to the host, which knows what to expect of this case
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return "{}: {}".format(type(error).__name__, lines[0] if lines else "")[:300]
    return ""


OPERATIONS = {"run_sources": run_sources}
