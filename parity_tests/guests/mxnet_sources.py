"""Runs in the MXNet worker: written sources, built as SymbolBlocks and run, many in one call."""

import os

from interop.converters.mxnet.guest import called
from values import read_values, write_values

from interop.workers.written import import_source


def run_sources(folders):
    """Each folder holds model.py, weights.safetensors and `in`; its results go to `out`.

    Returns one message a folder: "" where it ran.
    """
    return {"messages": [_run(folder) for folder in folders]}


def _run(folder):
    try:
        module = import_source(folder)
        block = module.load()
        block.hybridize()
        arrays = read_values(os.path.join(folder, "in"))
        state = {"block": block, "inputs": list(module.INPUTS), "outputs": module.OUTPUTS}
        write_values(os.path.join(folder, "out"), called(state, arrays))
    except Exception as error:  # noqa: BLE001 - told to the host, which knows what to expect of this case
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return f"{type(error).__name__}: {lines[-1] if lines else ''}"[:300]
    return ""


OPERATIONS = {"run_sources": run_sources}
