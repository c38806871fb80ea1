"""Caffe's worker: the real Caffe 1.0, held against arithmetic done here."""

from pathlib import Path

import numpy as np
import pytest

from interop.environments import provide
from interop.errors import EnvironmentUnavailable, InvalidModel
from interop.frameworks import FRAMEWORKS
from interop.workers import Worker
from interop.workers.tensors import read_tensors, write_tensors

#: ReLU with a slope, then a Power: networks without weights, so that no file format stands between.
PROTOTXT = """
name: "small"
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 3 dim: 4 } } }
layer { name: "relu" type: "ReLU" bottom: "x" top: "r" relu_param { negative_slope: 0.25 } }
layer { name: "y" type: "Power" bottom: "r" top: "y" power_param { scale: 2 shift: 1 } }
"""


@pytest.fixture(scope="module")
def worker():
    try:
        home = provide("caffe", None)
    except EnvironmentUnavailable as error:
        pytest.skip(str(error))
    with Worker(home.interpreter, FRAMEWORKS["caffe"].guest, label="caffe", timeout=120) as opened:
        yield opened


def _network(folder: Path) -> Path:
    (folder / "model.prototxt").write_text(PROTOTXT, encoding="utf-8")
    (folder / "model.caffemodel").write_bytes(b"")  # no layer has weights
    return folder


def test_it_computes_any_batch(worker, tmp_path):
    answer = worker.call("load", path=str(_network(tmp_path)))
    assert answer == {"inputs": ["x"], "outputs": ["y"]}
    sets = [np.random.default_rng(n).normal(size=(n, 3, 4)).astype("float32") for n in (1, 5, 2)]
    inputs, outputs = ([str(tmp_path / f"{who}{n}") for n in range(3)] for who in ("in", "out"))
    for folder, x in zip(inputs, sets, strict=True):
        write_tensors(folder, {"x": x})
    worker.call("run", inputs=inputs, outputs=outputs)
    for folder, x in zip(outputs, sets, strict=True):
        expected = 2 * np.where(x > 0, x, np.float32(0.25) * x) + 1
        np.testing.assert_allclose(read_tensors(folder)["y"], expected, rtol=1e-6, atol=1e-6)


def test_it_is_timed(worker, tmp_path):
    worker.call("load", path=str(_network(tmp_path)))
    write_tensors(tmp_path / "in", {"x": np.ones((1, 3, 4), "float32")})
    seconds = worker.call("time", inputs=str(tmp_path / "in"), runs=3, warmup=1)["seconds"]
    assert len(seconds) == 3
    assert min(seconds) > 0


def test_missing_files_are_all_named(worker, tmp_path):
    with pytest.raises(InvalidModel, match=r"model\.prototxt and no .*model\.caffemodel"):
        worker.call("load", path=str(tmp_path))


def test_layers_without_weights_are_all_named(worker, tmp_path):
    """Caffe loads such a network without a word, and computes with random weights."""
    _network(tmp_path)
    learned = "".join(
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "y" top: "{name}"'
        " inner_product_param { num_output: 2 } }\n"
        for name in ("first", "second")
    )
    (tmp_path / "model.prototxt").write_text(PROTOTXT + learned, encoding="utf-8")
    with pytest.raises(InvalidModel, match="no weights for: first, second"):
        worker.call("load", path=str(tmp_path))


def test_a_broken_caffemodel_is_refused(worker, tmp_path):
    (_network(tmp_path) / "model.caffemodel").write_bytes(b"\xff" * 9)
    with pytest.raises(InvalidModel, match="is not a caffemodel"):
        worker.call("load", path=str(tmp_path))
