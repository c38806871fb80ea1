"""Runs in the torch worker: written sources, executed, many in one call."""

import os

import torch
from interop.converters.torch.guest import to_numpy, to_torch
from values import each, read_values, write_values

from interop.workers.written import import_source


def run_sources(folders):
    """Each folder holds model.py, weights.safetensors and `in`; its results go to `out`.

    Returns one message a folder: "" where it ran.
    """
    return {"messages": [_run(folder) for folder in folders]}


def _run(folder):
    try:
        module = import_source(folder)
        feeds = [each(to_torch, v) for v in read_values(os.path.join(folder, "in")).values()]
        with torch.inference_mode():
            results = module.load()(*feeds)
        write_values(
            os.path.join(folder, "out"), {k: each(to_numpy, v) for k, v in results.items()}
        )
    except Exception as error:  # noqa: BLE001 - told to the host, which knows what to expect of this case
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return f"{type(error).__name__}: {lines[-1] if lines else ''}"[:300]
    return ""


OPERATIONS = {"run_sources": run_sources}
