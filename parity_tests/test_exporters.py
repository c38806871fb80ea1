"""TensorFlow as a source: SavedModels of ours come back as ONNX, and bad ones are refused."""

from __future__ import annotations

import pytest

import interop
from interop.errors import InvalidModel

pytestmark = pytest.mark.slow

#: The zoo's convolutional models.
CNNS = ("resnet18", "resnet50", "mobilenet_v2", "unet")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", CNNS)
def test_tensorflow_to_torch(name, tmp_path):
    there = interop.convert(name, source="torch", target="tf", output=tmp_path / "tf")
    back = interop.convert(
        str(there.folder), source="tf", target="torch", output=tmp_path / "torch"
    )
    assert back.grade == "A", back.manifest["rule"]["sentence"]
    for role in ("inputs", "outputs"):
        assert _names(back, role) == _names(there, role)
    assert back.manifest["signature"]["inputs"][0]["shape"][0] not in (1, 2)


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
