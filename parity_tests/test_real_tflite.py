"""Real trained models in TFLite, and what their authors or others made of the same weights.

A conversion is held against the file in LiteRT by the proof; here its artifact is held against the
same network in another format, which nobody here wrote.
"""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

import interop
from interop.workers.tensors import read_tensors, write_tensors

pytestmark = pytest.mark.slow


def session(path):
    """ONNX Runtime as the standard has it, without layers in integers."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


@pytest.fixture
def results(open_worker, tmp_path):
    """results(conversion, arrays): what the torch artifact gives, by the source's names."""

    def run(done, arrays):
        names = done.manifest["signature"]["names"]
        write_tensors(tmp_path / "ours-in", {names["inputs"][n]: a for n, a in arrays.items()})
        worker = open_worker("torch")
        worker.call("load", path=str(done.folder / "model.pt2"))
        worker.call("run", inputs=[str(tmp_path / "ours-in")], outputs=[str(tmp_path / "ours")])
        found = read_tensors(tmp_path / "ours")
        return {name: np.array(found[key]) for name, key in names["outputs"].items()}

    return run


@pytest.fixture
def exported(open_worker, tmp_path):
    """exported(path): a session on the ONNX that a `.tflite` file becomes, and the worker's answer."""

    def export(path):
        answer = open_worker("tflite", "tflite_files").call(
            "load_and_export", reference=str(path), path=str(tmp_path / "m.onnx"), inputs=None,
            outputs=None, sizes={}, trust=False,
        )  # fmt: skip
        return session(tmp_path / "m.onnx"), answer

    return export


def drawn(*shape):
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


def test_music(real, results, tmp_path):
    """Transcription of music, its batch open: ours from TFLite against the authors' ONNX."""
    folder = real("basic-pitch")
    done = interop.convert(str(folder / "nmp.tflite"), target="torch", output=tmp_path / "out")
    assert done.grade == "A", done.manifest["rule"]["sentence"]
    [given] = done.manifest["signature"]["inputs"]
    assert given["shape"] == ["batch", 43844, 1]
    audio = drawn(2, 43844, 1)
    ours = results(done, {given["name"]: audio})
    theirs = session(folder / "nmp.onnx")
    names = dict(zip(("onset", "note", "contour"), theirs.get_outputs(), strict=True))
    found = theirs.run([one.name for one in names.values()], {theirs.get_inputs()[0].name: audio})
    for name, array in zip(names, found, strict=True):
        np.testing.assert_allclose(ours[name], array, atol=1e-5)
        assert np.abs(array).max() > 1e-2


@pytest.mark.parametrize(("which", "side"), [("front", 128), ("back", 256)])
def test_faces(which, side, real, exported):
    """Weights of 16 bits, made whole; against a conversion by another hand, in four pieces."""
    ours, _ = exported(real("face-detection") / f"face_detection_{which}.tflite")
    theirs = session(real("blazeface") / f"face_detection_{which}_{side}x{side}_barracuda.onnx")
    image = drawn(1, side, side, 3)
    got = dict(zip(["regressors", "classificators"], ours.run(["regressors", "classificators"],
                                                             {"input": image}), strict=True))  # fmt: skip
    pieces = theirs.run(None, {theirs.get_inputs()[0].name: image})
    scores, boxes = np.concatenate(pieces[:2], 1), np.concatenate(pieces[2:], 1)
    assert np.abs(boxes).max() > 10
    np.testing.assert_allclose(got["regressors"], boxes, atol=1e-6 * np.abs(boxes).max() * 10)
    np.testing.assert_allclose(got["classificators"], scores, atol=1e-3)


@pytest.mark.parametrize(
    "file", ["face_detection_full_range_sparse.tflite", "iris_landmark.tflite"]
)
def test_faces_against_litert(file, real, exported, open_worker, tmp_path):
    """Sparse weights, PReLU and resizing."""
    ours, answer = exported(real("face-detection") / file)
    [given] = ours.get_inputs()
    arrays = {given.name: drawn(*given.shape)}
    write_tensors(tmp_path / "in", arrays)
    open_worker("tflite", "tflite_files").call(
        "run", inputs=[str(tmp_path / "in")], outputs=[str(tmp_path / "out")]
    )
    expected = read_tensors(tmp_path / "out")
    for name, array in zip(answer["outputs"], ours.run(answer["outputs"], arrays), strict=True):
        size = np.abs(expected[name]).max()
        assert size > 1
        np.testing.assert_allclose(array, expected[name], atol=2e-6 * size)


def test_moods(real, results, exported, tmp_path):
    """One network in HDF5 of Keras 2.0.5 and as TFLite with weights of 8 bits: ours of the first
    against the second, and the second against itself by the proof."""
    folder = real("fer")
    whole = interop.convert(
        str(folder / "emotion_model.hdf5"), target="torch", output=tmp_path / "whole"
    )
    assert whole.grade == "A", whole.manifest["rule"]["sentence"]
    [given] = whole.manifest["signature"]["inputs"]
    assert given["shape"] == ["batch", 64, 64, 1]
    faces = np.clip(drawn(4, 64, 64, 1).repeat(8, 1)[:, :64].repeat(8, 2)[:, :, :64], -1, 1)
    [ours] = results(whole, {given["name"]: faces}).values()
    eight, _ = exported(folder / "emotion_model_quantized.tflite")
    theirs = np.concatenate([eight.run(None, {"x": face[None]})[0] for face in faces])
    assert np.abs(ours - theirs).max() < 0.05  # 8 bits are no more than that
    assert (ours.argmax(1) == theirs.argmax(1)).all()
    assert ours.max() > 0.2


def test_moods_in_8_bits(real, tmp_path):
    """Data rounded anew in each call, as its kernels do; rounding alone decides the rest."""
    done = interop.convert(
        str(real("fer") / "emotion_model_quantized.tflite"), target="torch", output=tmp_path / "out"
    )
    assert done.passed, done.manifest["rule"]["sentence"]


#: Smooth noise to which the spotters listen up: over how many channels, how many steps, how loud, seed.
SOUNDS = ((15, 10, -60, 1), (15, 10, 0, 0), (5, 20, 0, 1), (8, 8, 60, 0))


def sound(channels, steps, level, seed):
    """40 frames of int8 [1, 3, 40]: three steps of 40 channels each."""
    noise = np.random.default_rng(seed).standard_normal((120 + steps, 40 + channels))
    for axis, width in ((0, steps), (1, channels)):
        kernel = np.ones(width) / np.sqrt(width)
        noise = np.apply_along_axis(np.convolve, axis, noise, kernel, "valid")
    whole = np.clip(noise[:120, :40] * 127 + level, -128, 127)
    return whole.astype(np.int8).reshape(40, 1, 3, 40)


WORDS = ("alexa", "hey_jarvis", "hey_mycroft", "okay_nabu")


@pytest.mark.parametrize("word", WORDS)
def test_wake_words(word, real, exported, open_worker, tmp_path):
    """160 frames of a stream, one after the other: the file with its own memory in its own
    interpreter, against ours, whose state is handed on. Every number is the same."""
    path = real("wakeword") / f"{word}.tflite"
    ours, answer = exported(path)
    frames = np.concatenate([sound(*one) for one in SOUNDS])
    folders = [str(tmp_path / f"in{i}") for i in range(160)]
    for folder, frame in zip(folders, frames, strict=True):
        write_tensors(folder, {answer["inputs"][0]: frame})
    made = [str(tmp_path / f"out{i}") for i in range(160)]
    open_worker("tflite", "tflite_files").call(
        "run_as_it_is", path=str(path), inputs=folders, outputs=made
    )
    expected = [read_tensors(folder)[answer["outputs"][0]].item() for folder in made]
    assert len(set(expected)) > 3  # it hears something
    assert streamed(ours, answer, frames) == expected
    assert streamed(ours, answer, frames, forget=True) != expected


def streamed(ours, answer, frames, *, forget=False):
    """The first output for each frame. forget: every call begins as the first."""
    states = {
        one.name: np.full(one.shape, -128, np.int8)
        for one in ours.get_inputs()
        if one.name != answer["inputs"][0]
    }
    first, found = states, []
    for frame in frames:
        given = first if forget else states
        result, *after = ours.run(answer["outputs"], {answer["inputs"][0]: frame, **given})
        states = {name.removesuffix("_next"): array for name, array
                  in zip(answer["outputs"][1:], after, strict=True)}  # fmt: skip
        found.append(result.item())
    return found


def test_a_wake_word_in_torch(real, tmp_path):
    done = interop.convert(
        str(real("wakeword") / "okay_nabu.tflite"), target="torch", output=tmp_path / "out"
    )
    assert done.grade == "A", done.manifest["rule"]["sentence"]
    assert any("are inputs here, and outputs" in note for note in done.manifest["notes"])


def test_frozen_graph_of_tensorflow_1(real, tmp_path):
    """A retrained MobileNet, its inputs found in the graph."""
    done = interop.convert(
        str(real("nudity") / "retrained_graph.pb"),
        source="tf",
        target="torch",
        output=tmp_path / "out",
    )
    assert done.passed, done.manifest["rule"]["sentence"]
    [made] = done.manifest["signature"]["outputs"]
    assert made["shape"][-1] == 2
