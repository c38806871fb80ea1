"""Real trained models out of public packages, ONNX → TensorFlow; none of their weights is here."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest

import interop
from interop.environments import provide
from interop.errors import EnvironmentUnavailable
from interop.workers.tensors import read_tensors, write_tensors

pytestmark = pytest.mark.slow


def page():
    """A page as a text detector sees it: dark strokes in lines on white, scaled to [-1, 1]."""
    rng = np.random.default_rng(0)
    image = np.ones((2, 3, 96, 160), np.float32)
    for sheet in image:
        for line in range(8, 88, 20):
            for start in range(10, 140, 7):
                height, width = rng.integers(6, 12), rng.integers(1, 4)
                sheet[:, line : line + height, start : start + width] = -1.0
    return image


def test_text_detector(real, tmp_path):
    """On noise it finds nothing, and says so by 1e-10: rounding alone decides that. So: a page."""
    np.savez(tmp_path / "page.npz", x=page())
    done = interop.convert(
        str(real("rapidocr") / "ch_PP-OCRv4_det_infer.onnx"), target="tf", output=tmp_path / "out",
        data=tmp_path / "page.npz",
    )  # fmt: skip
    assert done.passed, done.manifest["rule"]["sentence"]


CASES = [
    ("magika", "model.onnx", {}),
    ("rapidocr", "ch_PP-OCRv4_rec_infer.onnx", {"x_dim2": 48}),
    ("rapidocr", "ch_ppocr_mobile_v2.0_cls_infer.onnx", {"x_dim2": 48, "x_dim3": 192}),
]


@pytest.mark.parametrize(("package", "file", "sizes"), CASES)
def test_converts(package, file, sizes, real, tmp_path):
    done = interop.convert(
        str(real(package) / file), target="tf", output=tmp_path / "out", sizes=sizes
    )
    assert done.passed, done.manifest["rule"]["sentence"]


@pytest.mark.parametrize(
    "file", ["silero_vad.onnx", "silero_vad_16k_op15.onnx", "silero_vad_op18_ifless.onnx"]
)
def test_silero(file, real, tmp_path):
    """Nested If and LSTM; the sampling rate selects a branch, so it is given."""
    rng = np.random.default_rng(0)
    sets = {}
    for label, batch, scale in (("quiet", 1, 0.05), ("loud", 3, 1.0)):
        sets[f"{label}/input"] = (rng.standard_normal((batch, 576)) * scale).astype(np.float32)
        sets[f"{label}/state"] = (rng.standard_normal((2, batch, 128)) * scale).astype(np.float32)
        sets[f"{label}/sr"] = np.array(16000)
    np.savez(tmp_path / "speech.npz", **sets)
    done = interop.convert(
        str(real("silero-vad") / file),
        target="tf",
        output=tmp_path / "out",
        data=tmp_path / "speech.npz",
    )
    assert done.passed, done.manifest["rule"]["sentence"]


def test_basic_pitch_against_its_authors_other_formats(real, tmp_path, open_worker):
    """The same network as ONNX, SavedModel and TFLite: ours from the first agrees with both others."""
    folder = real("basic-pitch")
    done = interop.convert(str(folder / "nmp.onnx"), target="tf", output=tmp_path / "out")
    assert done.passed, done.manifest["rule"]["sentence"]
    audio = np.random.default_rng(0).uniform(-1, 1, (2, 43844, 1)).astype(np.float32)
    [argument] = done.manifest["signature"]["names"]["inputs"].values()
    write_tensors(tmp_path / "ours-in", {argument: audio})
    write_tensors(tmp_path / "saved-in", {"input_2": audio})
    worker = open_worker("tensorflow")
    for path, name in ((done.folder / "saved_model", "ours"), (folder / "nmp", "saved")):
        worker.call("load", path=str(path))
        worker.call("run", inputs=[str(tmp_path / f"{name}-in")], outputs=[str(tmp_path / name)])
    open_worker("tensorflow", "tflite_file").call(
        "run_file",
        path=str(folder / "nmp.tflite"),
        inputs=str(tmp_path / "saved-in"),
        outputs=str(tmp_path / "lite"),
    )
    ours = read_tensors(tmp_path / "ours")
    for name in ("saved", "lite"):
        theirs = list(read_tensors(tmp_path / name).values())
        assert sorted(a.shape for a in ours.values()) == sorted(a.shape for a in theirs)
        for array in ours.values():  # their names differ, and two have one shape
            same = [other for other in theirs if other.shape == array.shape]
            assert min(np.abs(array - other).max() for other in same) < 1e-5
        assert max(np.abs(a).max() for a in theirs) > 1e-2  # and it is not all nothing


def test_caffe_against_the_onnx_of_others(real, tmp_path, open_worker):
    """Caffe's own network in Caffe, ours of it in torch, and two conversions by others: all alike."""
    try:
        provide("caffe")
    except EnvironmentUnavailable as error:
        pytest.skip(str(error))
    done = interop.convert(
        str(real("open-nsfw") / "deploy.prototxt"), target="torch", output=tmp_path / "torch"
    )
    assert done.grade == "A"
    assert min(done.manifest["parity"]["effective_bits"].values()) > 23
    images = np.random.default_rng(0).normal(size=(3, 3, 224, 224)).astype("float32") * 60
    write_tensors(tmp_path / "in", {"data": images})
    for framework, path in (("caffe", real("open-nsfw")), ("torch", done.folder / "model.pt2")):
        worker = open_worker(framework)
        worker.call("load", path=str(path))
        worker.call("run", inputs=[str(tmp_path / "in")], outputs=[str(tmp_path / framework)])
    for package in ("open-nsfw-onnx", "open-nsfw-standalone"):
        (file,) = real(package).rglob("*.onnx")
        session = ort.InferenceSession(str(file))
        feeds = {session.get_inputs()[0].name: images.transpose(0, 2, 3, 1)}
        (expected,) = session.run(None, feeds)
        for framework in ("caffe", "torch"):
            given = read_tensors(tmp_path / framework)["prob"]
            np.testing.assert_allclose(given, expected, atol=1e-6, err_msg=framework)
