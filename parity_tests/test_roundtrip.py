"""Round trips: a model comes back as it went, and a hop that changes it is named."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from interop.models import ZOO
from safetensors.numpy import load_file, save_file

import interop
from interop import conversion, targets
from interop.errors import UsageError

pytestmark = pytest.mark.slow

#: Of the whole zoo, which `-m long` takes.
QUICK = (
    ("resnet18", "tf"),
    ("dlrm", "keras"),
    ("dlrm", "onnx"),
    ("bert", "keras"),
    ("dlrm", "tflite"),
)
WAYS = tuple(("torch", inner, "torch") for inner in ("tf", "keras", "tflite", "onnx"))


#: Names in a Keras model are unique, and its first Dense layer is "dense": an input gives way.
RENAMED = {"dlrm": {"dense": "dense_input"}}


def check(trip, name, through):
    assert trip.passed, [hop.first.sentence for hop in trip.hops]
    assert trip.grade == "A"
    assert len(trip.hops) == len(through) - 1
    for hop in trip.hops:
        assert list(hop.first.effective_bits) == list(ZOO[name].outputs)
        assert min(hop.first.effective_bits.values()) >= 22
    document = json.loads((trip.folder / "roundtrip.json").read_text())
    assert document == json.loads(json.dumps(trip.to_json()))
    assert document["schema_version"] == 1
    words = {dim for one in ZOO[name].inputs for dim in one.shape if isinstance(dim, str)}
    for number, hop in enumerate(trip.hops):
        manifest = json.loads((trip.folder / hop.folder / "manifest.json").read_text())
        assert str(trip.folder.parent) not in json.dumps(manifest)
        inputs = manifest["signature"]["inputs"]
        renamed = RENAMED.get(name, {}) if "keras" in through[: number + 1] else {}
        names = {renamed.get(one.name, one.name) for one in ZOO[name].inputs}
        assert {one["name"] for one in inputs} == names
        assert {dim for one in inputs for dim in one["shape"] if isinstance(dim, str)} == words
        assert [one["name"] for one in manifest["signature"]["outputs"]] == list(ZOO[name].outputs)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("name", "through"),
    [
        pytest.param(
            name, way, id=f"{name}-{'-'.join(way)}",
            marks=() if (name, way[1]) in QUICK else pytest.mark.long,
        )
        for name in ZOO
        for way in WAYS
    ],
)  # fmt: skip
def test_there_and_back(name, through, tmp_path):
    check(interop.roundtrip(name, through, output=tmp_path / "out"), name, through)


def spoil(weights):
    """The largest weight, a hundredth larger."""
    name = max(weights, key=lambda key: weights[key].size)
    return {**weights, name: weights[name] * np.float32(1.01)}


@pytest.mark.timeout(600)
def test_a_hop_that_changes_a_weight(tmp_path, monkeypatch):
    """It fails against its own source, and the command says so by its exit code."""
    lower = targets.lower

    def changed(model, framework, folder, **options):
        target = lower(model, framework, folder, **options)
        if framework == "tensorflow":
            path = folder / "weights.safetensors"
            save_file(spoil(load_file(path)), path)
        return target

    monkeypatch.setattr(targets, "lower", changed)
    trip = interop.roundtrip("dlrm", ["torch", "tf", "torch"], output=tmp_path / "out")
    there, back = trip.hops
    assert not there.previous.passes
    assert not there.first.passes
    assert back.previous.passes  # it carries on faithfully what it was given
    assert not back.first.passes
    assert not trip.passed


@pytest.mark.timeout(600)
def test_a_change_between_hops(tmp_path, monkeypatch, open_worker):
    """Each hop alone is good; what is held against the first source tells."""
    run_in, done = conversion.run_in, []

    def meddled(scratch, request, progress, sets=None):
        work = run_in(scratch, request, progress, sets)
        if not done:
            done.append(work)
            folder = work.conversion.folder
            save_file(
                spoil(load_file(folder / "weights.safetensors")), folder / "weights.safetensors"
            )
            shutil.rmtree(folder / "saved_model")
            open_worker("tensorflow").call(
                "build", source=str(folder), path=str(folder / "saved_model")
            )
        return work

    monkeypatch.setattr(conversion, "run_in", meddled)
    trip = interop.roundtrip("dlrm", ["torch", "tf", "torch"], output=tmp_path / "out")
    there, back = trip.hops
    assert there.previous.passes
    assert there.first.passes
    assert back.previous.passes
    assert not back.first.passes
    assert not trip.passed


@pytest.mark.parametrize(
    ("through", "message"),
    [
        ([], "at least one hop"),
        (["torch"], "at least one hop"),
        (["torch", "openvino"], "cannot be a target"),
        (["torch", "tenserflow"], "no framework"),
    ],
)
def test_ways_that_lead_nowhere(through, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        interop.roundtrip("dlrm", through, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command(tmp_path):
    """From an artifact's own folder, whose manifest says what it is."""
    there = interop.convert("dlrm", source="torch", target="torch", output=tmp_path / "there")
    command = [sys.executable, "-P", "-m", "interop", "roundtrip", str(there.folder), "--through", "tf",
               "-o", str(tmp_path / "out"), "--json"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["formats"] == ["torch", "tf"]
    assert document["grade"] == "A"
    assert document["hops"][0]["after"]["nodes"] > 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["1-tf", "roundtrip.json"]
