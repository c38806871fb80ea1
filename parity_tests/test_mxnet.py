"""MXNet: definitions of the zoo, models out of it and into it, and files that are not complete."""

from __future__ import annotations

import numpy as np
import pytest
from interop.models import ZOO

from interop.workers.tensors import read_tensors, write_tensors


def inputs_of(entry):
    """One drawn set of inputs, batch 2."""
    rng = np.random.default_rng(0)
    arrays = {}
    for one in entry.inputs:
        shape = [2 if d == "batch" else entry.sizes.get(d, d) for d in one.shape]
        drawn = rng.integers(0, one.below or 1, shape)
        arrays[one.name] = drawn if one.below else rng.standard_normal(shape).astype(one.dtype)
    return arrays


def difference(a, b):
    """Root mean square of the difference, relative to that of `a`."""
    return float(np.sqrt(np.mean((a.astype(np.float64) - b) ** 2) / np.mean(a**2)))


@pytest.fixture(scope="module")
def torch_worker(open_worker):
    return open_worker("torch")


@pytest.fixture(scope="module")
def mxnet_worker(open_worker):
    return open_worker("mxnet", "mxnet_definitions")


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, e in ZOO.items() if "mxnet" in e.definitions])
def test_definitions_agree(name, torch_worker, mxnet_worker, tmp_path):
    entry = ZOO[name]
    write_tensors(tmp_path / "in", inputs_of(entry))
    specs = [{"name": i.name, "dtype": i.dtype, "shape": list(i.shape)} for i in entry.inputs]
    torch_worker.call(
        "load_and_export", reference=entry.definitions["torch"], path=str(tmp_path / "m.onnx"),
        inputs=specs, outputs=list(entry.outputs), sizes=dict(entry.sizes), trust=False,
    )  # fmt: skip
    torch_worker.call("run", inputs=[str(tmp_path / "in")], outputs=[str(tmp_path / "torch")])
    mxnet_worker.call(
        "run_definition", definition=entry.definitions["mxnet"], inputs=str(tmp_path / "in"),
        outputs=str(tmp_path / "mxnet"), names=list(entry.outputs),
    )  # fmt: skip
    expected, got = read_tensors(tmp_path / "torch"), read_tensors(tmp_path / "mxnet")
    for output in entry.outputs:
        assert got[output].shape == expected[output].shape
        assert difference(np.asarray(expected[output]), np.asarray(got[output])) < 1e-5
