"""Keras models in HDF5: those of Keras 2 mean what they meant there, and what cannot be read is said."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from interop.errors import InvalidModel
from interop.workers.tensors import read_tensors, write_tensors

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def worker(open_worker):
    return open_worker("keras", "keras_files")


def export(worker, path, trust=False):
    declared = {"inputs": None, "outputs": None, "sizes": {}, "trust": trust}
    onnx = path.with_suffix(".onnx")
    worker.call("load_and_export", reference=str(path), path=str(onnx), **declared)
    return onnx


def ran(worker, onnx, tmp_path, arrays):
    """Keras's own results on what it has loaded, after ONNX Runtime's were found to be the same."""
    write_tensors(tmp_path / "in", arrays)
    worker.call("run", inputs=[str(tmp_path / "in")], outputs=[str(tmp_path / "out")])
    [expected] = read_tensors(tmp_path / "out").values()
    [got] = onnxruntime.InferenceSession(onnx).run(None, arrays)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    return np.array(expected)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def old_hard_sigmoid(x):
    """keras/backend/theano_backend.py of Keras 2: slope 0.2, shift 0.5."""
    return np.clip(0.2 * x + 0.5, 0, 1)


def lstm(x, w, u, b):
    """Gates in Keras's order: input, forget, cell, output."""
    h = c = np.zeros((len(x), len(u)))
    for step in range(x.shape[1]):
        i, f, g, o = np.split(x[:, step] @ w + h @ u + b, 4, axis=1)
        c = old_hard_sigmoid(f) * c + old_hard_sigmoid(i) * np.tanh(g)
        h = old_hard_sigmoid(o) * np.tanh(c)
    return h


def gru(x, w, u, b):
    """Gates: update, reset, candidate, whose state is reset before it is multiplied."""
    h, n = np.zeros((len(x), len(u))), len(u)
    for step in range(x.shape[1]):
        given = x[:, step] @ w + b
        z = sigmoid(given[:, :n] + h @ u[:, :n])
        r = sigmoid(given[:, n : 2 * n] + h @ u[:, n : 2 * n])
        h = z * h + (1 - z) * np.tanh(given[:, 2 * n :] + (r * h) @ u[:, 2 * n :])
    return h


@pytest.mark.parametrize(("name", "formula"), [("lstm", lstm), ("gru", gru)])
def test_old_recurrent_layers_mean_what_they_meant(name, formula, worker, tmp_path):
    path = tmp_path / "old.h5"
    worker.call("save", name=name, path=str(path), old=True, weights=str(tmp_path / "weights"))
    x = np.random.default_rng(0).standard_normal((2, 5, 2)).astype(np.float32)
    got = ran(worker, export(worker, path), tmp_path, {"x": x})
    weights = read_tensors(tmp_path / "weights")
    arrays = [np.asarray(weights[f"w{i}"], np.float64) for i in range(3)]
    np.testing.assert_allclose(got, formula(x, *arrays), rtol=1e-5, atol=1e-6)


def test_what_keras_3_refuses_says_nothing(worker, tmp_path):
    """The same weights in a file of today and in one of Keras 2, with its options and its names."""
    x = np.random.default_rng(0).standard_normal((2, 8, 8, 3)).astype(np.float32)
    results = []
    for old in (False, True):
        path = tmp_path / f"old-{old}.h5"
        worker.call("save", name="windows", path=str(path), old=old)
        results.append(ran(worker, export(worker, path), tmp_path, {"image": x}))
    np.testing.assert_array_equal(*results)
    assert np.abs(results[0]).max() > 0.1


def test_an_option_that_says_something_is_refused(worker, tmp_path):
    """A normalization of another kind is not taken for the usual one."""
    path = tmp_path / "renorm.h5"
    worker.call("save", name="windows", path=str(path), old=True)
    content = path.read_bytes()
    assert b'"renorm": false' in content
    path.write_bytes(content.replace(b'"renorm": false', b'"renorm": true '))
    with pytest.raises(InvalidModel, match="renorm"):
        export(worker, path)


def test_python_code_is_run_on_trust_alone(worker, tmp_path):
    worker.call("save", name="lambda", path=str(tmp_path / "lambda.h5"))
    with pytest.raises(InvalidModel, match="cannot be loaded") as caught:
        export(worker, tmp_path / "lambda.h5")
    assert "--trust" in caught.value.hint
    onnx = export(worker, tmp_path / "lambda.h5", trust=True)
    x = np.float32([[1, 2, 3, 4]])
    np.testing.assert_array_equal(ran(worker, onnx, tmp_path, {"x": x}), 2 * x)


def test_weights_alone_are_refused(worker, tmp_path):
    path = tmp_path / "only.weights.h5"
    worker.call("save", name="lstm", path=str(path))
    with pytest.raises(InvalidModel, match="weights only") as caught:
        export(worker, path)
    assert "package.module:callable" in caught.value.hint
    assert "load_weights" in caught.value.hint


def test_a_file_that_is_no_hdf5(worker, tmp_path):
    worker.call("save", name="lstm", path=str(tmp_path / "m.h5"))
    whole = (tmp_path / "m.h5").read_bytes()
    for content in (b"not a model", whole[: len(whole) // 2]):
        (tmp_path / "cut.h5").write_bytes(content)
        with pytest.raises(InvalidModel, match=r"cut\.h5 is not an HDF5 file, or is truncated"):
            export(worker, tmp_path / "cut.h5")
