"""Keras as a target: what is written is plain Keras, and computes the same on each of its backends."""

from __future__ import annotations

import json
import shutil
import zipfile

import numpy as np
import onnx
import onnx.parser
import pytest
from interop.models import ZOO

import interop
from interop.environments import Store, default_store
from interop.errors import UnsupportedOperator
from interop.frameworks import FRAMEWORKS
from interop.graph.canonical import canonicalize
from interop.targets import lower
from interop.workers import Worker
from interop.workers.tensors import read_tensors, write_tensors

pytestmark = pytest.mark.slow

BACKENDS = ("tensorflow", "jax", "torch")

#: resnet50 is resnet18 with more of the same.
QUICK = [pytest.param(n, marks=pytest.mark.long if n == "resnet50" else ()) for n in ZOO]


@pytest.fixture(scope="module")
def written(tmp_path_factory, exported):
    """written(name): the zoo model converted to Keras, once."""
    done = {}

    def make(name):
        if name not in done:
            folder = tmp_path_factory.mktemp(name) / "out"
            done[name] = interop.convert(
                str(exported(name) / "model.onnx"), target="keras", output=folder
            )
        return done[name]

    return make


@pytest.fixture(scope="module")
def keras_and_torch(tmp_path_factory):
    """The interpreter of Keras's environment with torch beside it, which users are spared: kept, too."""
    recipes = tmp_path_factory.mktemp("recipes")
    known = default_store().recipes
    shutil.copytree(known / "keras", recipes / "keras")
    lock = recipes / "keras" / "lock.txt"
    lines = [
        line for line in (known / "torch" / "lock.txt").read_text().splitlines() if line[0] != "#"
    ]
    have = {line.split("==")[0] for line in lock.read_text().splitlines()}
    lock.write_text(lock.read_text() + "\n".join(x for x in lines if x.split("==")[0] not in have))
    store = Store(default_store().root.with_name("test-environments"), recipes)
    return store.create("keras").interpreter


@pytest.fixture(scope="module")
def on_backend(keras_and_torch):
    """on_backend(name): a Keras worker on that backend."""
    workers = {}

    def open_one(backend):
        if backend not in workers:
            workers[backend] = Worker(
                keras_and_torch, FRAMEWORKS["keras"].guest, label=f"keras on {backend}",
                timeout=600, environment={"KERAS_BACKEND": backend},
            )  # fmt: skip
        return workers[backend]

    yield open_one
    for worker in workers.values():
        worker.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", QUICK)
def test_zoo(name, written):
    done = written(name)
    assert done.grade == "A", done.manifest["rule"]["sentence"]
    assert {spec["shape"][0] for spec in done.manifest["signature"]["inputs"]} == {"batch"}
    with zipfile.ZipFile(done.folder / "model.keras") as archive:
        config = archive.read("config.json").decode()
        assert len(config) < 2_000_000
    modules = {layer["module"] for layer in json.loads(config)["config"]["layers"]}
    assert all(m is None or m.startswith("keras") for m in modules)
    assert "interop" not in (done.folder / "model.py").read_text()
    written = {artifact["path"] for artifact in done.manifest["artifacts"]} | {"manifest.json"}
    assert {path.name for path in done.folder.iterdir()} == written
    renamed = ["the input dense is called dense_input in the keras model"]
    assert done.manifest["notes"] == (renamed if name == "dlrm" else [])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", QUICK)
def test_backends(name, backend, written, exported, on_backend, tmp_path):
    folder, worker = written(name).folder, on_backend(backend)
    reference = on_backend("tensorflow")
    names = written(name).manifest["signature"]["names"]["inputs"]
    inputs = read_tensors(exported(name) / "in")
    feeds = {names[given]: array for given, array in inputs.items()}
    write_tensors(tmp_path / "in", feeds)
    for one, place in ((worker, "out"), (reference, "expected")):
        answer = one.call("load", path=str(folder / "model.keras"))
        one.call("run", inputs=[str(tmp_path / "in")], outputs=[str(tmp_path / place)])
    assert worker.call("load", path=str(folder / "model.keras"))["backend"] == backend
    assert answer["backend"] == "tensorflow"
    expected, given = read_tensors(tmp_path / "expected"), read_tensors(tmp_path / "out")
    for output, wanted in expected.items():
        assert given[output].dtype == wanted.dtype
        scale = np.sqrt(np.mean(wanted.astype(np.float64) ** 2))
        assert np.sqrt(np.mean((given[output] - wanted) ** 2)) < 5e-6 * scale


def test_a_model_that_takes_a_dictionary(tmp_path):
    """Three inputs by name; its first token is cut out of a sequence whose length is open."""
    done = interop.convert("bert", source="keras", target="keras", output=tmp_path / "out")
    assert done.grade == "A", done.manifest["rule"]["sentence"]
    assert {one["name"] for one in done.manifest["signature"]["inputs"]} == {
        "input_ids", "token_type_ids", "attention_mask",
    }  # fmt: skip


_OPEN = """<ir_version: 10, opset_import: ["": 20]>
g (float[time, 3] x, float[3] h) => (float[time, 3] all) {
  last, all = Scan <
    num_scan_inputs = 1,
    body = step (float[3] s, float[3] v) => (float[3] new, float[3] kept) {
      new = Add (s, v)
      kept = Tanh (new)
    }
  > (h, x)
}"""


def test_steps_whose_number_is_open_are_refused(tmp_path):
    """By node, with the reason, and what to do about it; of a number that is known they are unrolled."""
    onnx.save(onnx.parser.parse_model(_OPEN.replace("time", "4")), tmp_path / "known.onnx")
    (tmp_path / "known").mkdir()
    lower(canonicalize(tmp_path / "known.onnx"), "keras", tmp_path / "known")
    assert (tmp_path / "known" / "model.py").exists()
    onnx.save(onnx.parser.parse_model(_OPEN), tmp_path / "open.onnx")
    (tmp_path / "open").mkdir()
    with pytest.raises(
        UnsupportedOperator, match=r"Scan.*is open; .* export it with that size fixed"
    ):
        lower(canonicalize(tmp_path / "open.onnx"), "keras", tmp_path / "open")
    assert not list((tmp_path / "open").iterdir())
