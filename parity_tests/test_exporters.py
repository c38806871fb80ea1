"""Artifacts as sources: they come back as ONNX under their own names, and bad ones are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.numpy import load_file

import interop
from interop.errors import InvalidModel, UnsupportedOperator, UsageError, WorkerTimedOut

pytestmark = pytest.mark.slow


def _names(done, role):
    return [spec["name"] for spec in done.manifest["signature"][role]]


def test_folder_without_saved_model(tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    with pytest.raises(InvalidModel, match="no SavedModel"):
        interop.convert(str(folder), source="tf", target="torch", output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_broken_saved_model(tmp_path):
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"this is no protobuf")
    with pytest.raises(InvalidModel, match="cannot be loaded"):
        interop.convert(str(folder), source="tf", target="torch", output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def maker(open_worker):
    return open_worker("tensorflow", "tensorflow_models")


def to_torch(model, tmp_path, **options):
    done = interop.convert(
        str(model), source="tf", target="torch", output=tmp_path / "out", **options
    )
    assert done.grade == "A", done.manifest["rule"]["sentence"]
    return done


def shapes(done, role):
    return {spec["name"]: spec["shape"] for spec in done.manifest["signature"][role]}


def test_several_signatures(maker, tmp_path):
    path = tmp_path / "two"
    maker.call("save", path=str(path), functions={"forth": "times", "back": "back"})
    with pytest.raises(UsageError, match="back, forth") as asked:
        to_torch(path, tmp_path)
    assert "--signature" in asked.value.hint
    with pytest.raises(UsageError, match="no signature up"):
        to_torch(path, tmp_path, signature="up")
    assert not (tmp_path / "out").exists()
    done = to_torch(path, tmp_path, signature="back")
    assert shapes(done, "inputs") == {"x": ["batch", 3]}
    assert shapes(done, "outputs") == {"y": ["batch", 2]}


def test_one_signature_by_any_name(maker, tmp_path):
    path = tmp_path / "one"
    maker.call("save", path=str(path), functions={"forth": "times"})
    done = to_torch(path, tmp_path)
    assert shapes(done, "inputs") == {"x": ["batch", 2]}
    assert "weight" in load_file(done.folder / "weights.safetensors")


def test_frozen_graph(maker, tmp_path):
    maker.call("freeze", path=str(tmp_path / "frozen.pb"))
    done = to_torch(tmp_path / "frozen.pb", tmp_path)
    assert shapes(done, "inputs") == {"x": ["batch", 2]}


def test_no_frozen_graph(tmp_path):
    (tmp_path / "bad.pb").write_bytes(b"this is no protobuf")
    with pytest.raises(InvalidModel, match="TensorFlow graph"):
        to_torch(tmp_path / "bad.pb", tmp_path)


def test_version_1_saved_model(maker, tmp_path):
    maker.call("save_version_1", path=str(tmp_path / "old"))
    done = to_torch(tmp_path / "old", tmp_path)
    assert shapes(done, "inputs") == {"x": ["batch", 2]}


def test_whole_numbers(maker, tmp_path):
    """Compared, divided and chosen as TensorFlow does, also where float32 could not."""
    path = tmp_path / "whole"
    maker.call("save", path=str(path), functions={"serving_default": "whole_numbers"})
    to_torch(path, tmp_path)


def test_unsupported_operator(maker, tmp_path):
    path = tmp_path / "beyond"
    maker.call("save", path=str(path), functions={"serving_default": "beyond"})
    with pytest.raises(UnsupportedOperator, match="Igamma"):
        to_torch(path, tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_slow_export_leaves_no_process(maker, tmp_path):
    """tf2onnx runs in a child of the worker; both end at the limit.

    Within it TensorFlow cannot be imported, let alone a model be exported."""
    path = tmp_path / "one"
    maker.call("save", path=str(path), functions={"forth": "times"})
    with pytest.raises(WorkerTimedOut):
        to_torch(path, tmp_path, timeout=1.5)
    marker = str(path).encode()
    alive = [p for p in Path("/proc").glob("[0-9]*/cmdline") if marker in _read(p)]
    assert not alive
    assert not (tmp_path / "out").exists()


def _read(path):
    try:
        return path.read_bytes()
    except OSError:  # it has ended meanwhile
        return b""


def test_keras_model(tmp_path):
    """A .keras file by its ending alone, and its weights by the names of its layers."""
    there = interop.convert("dlrm", source="torch", target="keras", output=tmp_path / "keras")
    back = interop.convert(
        str(there.folder / "model.keras"), target="torch", output=tmp_path / "torch"
    )
    assert back.grade == "A", back.manifest["rule"]["sentence"]
    assert {spec["shape"][0] for spec in back.manifest["signature"]["inputs"]} == {"batch"}
    assert _names(back, "outputs") == _names(there, "outputs")


def test_broken_keras_model(tmp_path):
    (tmp_path / "bad.keras").write_bytes(b"this is no archive")
    with pytest.raises(InvalidModel, match="cannot be loaded by Keras"):
        interop.convert(str(tmp_path / "bad.keras"), target="torch", output=tmp_path / "out")


def test_artifact_that_is_gone(tmp_path):
    """A manifest that speaks of what is not there is a broken model, not a fault of ours."""
    folder = tmp_path / "half"
    folder.mkdir()
    manifest = {
        "schema_version": 1,
        "target": {"framework": "torch"},
        "artifacts": [{"path": "model.pt2"}],
        "signature": {"inputs": [], "outputs": [], "names": {"inputs": {}, "outputs": {}},
                      "layout": "as the source"},
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InvalidModel, match="not there"):
        interop.convert(str(folder), target="tf", output=tmp_path / "out")
    (folder / "manifest.json").write_text('{"schema_version": 1}')
    with pytest.raises(InvalidModel, match="cannot be read as the manifest"):
        interop.convert(str(folder), target="tf", output=tmp_path / "out")


def test_torch_source_needs_trust(tmp_path):
    """Without a .pt2 there is only Python, and that is not run unasked."""
    there = interop.convert("dlrm", source="torch", target="torch", output=tmp_path / "there")
    manifest = json.loads((there.folder / "manifest.json").read_text())
    (there.folder / "model.pt2").unlink()
    manifest["artifacts"] = manifest["artifacts"][1:]
    (there.folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InvalidModel, match="would run its"):
        interop.convert(str(there.folder), target="torch", output=tmp_path / "out")
    done = interop.convert(str(there.folder), target="torch", output=tmp_path / "out", trust=True)
    assert done.grade == "A"
    with pytest.raises(UsageError, match="holds a model in torch"):
        interop.convert(str(there.folder), source="tf", target="torch", output=tmp_path / "no")
