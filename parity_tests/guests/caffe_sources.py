"""Runs in the Caffe worker: written networks, filled with their weights and run, many in one call."""

import json
from pathlib import Path

import caffe
from interop.converters.caffe import guest
from interop.converters.caffe.loading import CaffeGaveUp, attempt
from values import read_values, write_values


def run_sources(folders):
    """Each folder holds model.prototxt, weights.safetensors and `in`; its results go to `out`.

    Returns one message a folder: "" where it ran. Each in a process of its own: Caffe may end it.
    """
    return {"messages": [_message(folder) for folder in folders]}


def _message(folder):
    try:
        return attempt(lambda: _run(Path(folder)))
    except CaffeGaveUp as error:
        return f"Caffe gave up: {error}"[:300]


def _run(folder):
    try:
        guest.build(str(folder), str(folder / "model.caffemodel"))
        net = caffe.Net(
            str(folder / "model.prototxt"), caffe.TEST, weights=str(folder / "model.caffemodel")
        )
        results = guest.called(net, read_values(folder / "in"))
        order = json.loads((folder / "outputs.json").read_text())
        write_values(folder / "out", {name: results[name] for name in order})
    except Exception as error:  # noqa: BLE001 - told to the host, which knows what to expect of this case
        return f"{type(error).__name__}: {error}"[:300]
    return ""


OPERATIONS = {"run_sources": run_sources}
