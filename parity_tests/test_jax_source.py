"""JAX as a source: functions, flax modules, and what a conversion wrote."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from interop.models import ZOO

import interop
from interop.errors import InvalidModel, UsageError
from interop.signature import TensorSpec

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

#: jax2onnx cannot trace flax's loops over time.
RECURRENT = ("lstm_classifier", "keyword_spotter")
#: What jax2onnx has to fix to trace a causal mask.
FIXED = {"gpt": "sequence"}
ZOO_WAYS = [
    pytest.param(name, marks=() if name in ("dlrm", "resnet18") else pytest.mark.long)
    for name in ZOO
    if name not in RECURRENT
]

GUESTS = Path(__file__).parent / "guests"


@pytest.fixture
def here(monkeypatch):
    """The working directory is where a user's own modules lie."""
    monkeypatch.chdir(GUESTS)
    assert os.path.exists("jax_models.py")


def test_flax_module(here, tmp_path):
    done = interop.convert(
        "jax_models:classifier", source="jax", target="torch", output=tmp_path / "out"
    )
    assert done.grade == "A", done.manifest["rule"]["sentence"]
    signature = done.manifest["signature"]
    assert [(one["name"], one["shape"]) for one in signature["inputs"]] == [("x", ["batch", 8])]
    assert {one["name"] for one in signature["outputs"]} == {"scores", "mean"}


@pytest.mark.parametrize("name", ZOO_WAYS)
def test_zoo(name, tmp_path):
    done = interop.convert(name, source="jax", target="torch", output=tmp_path / "out")
    assert done.grade == "A", done.manifest["rule"]["sentence"]
    inputs = done.manifest["signature"]["inputs"]
    for one, wanted in zip(inputs, ZOO[name].inputs_in("jax"), strict=True):
        assert one["name"] == wanted.name
        for given, dim in zip(one["shape"], wanted.shape, strict=True):
            assert isinstance(given, int) if dim == FIXED.get(name) else given == dim
    assert any("fixed in the exported model" in n for n in done.manifest["notes"]) == (
        name in FIXED
    )


@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_layers_of_flax_cannot_be_exported(name, tmp_path):
    with pytest.raises(InvalidModel, match="jax2onnx could not export"):
        interop.convert(name, source="jax", target="torch", output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_function(here, tmp_path):
    """Inputs said by the user; 64-bit integers stay so in ONNX, though JAX halves them."""
    inputs = (TensorSpec("x", "float32", ("batch", 4)), TensorSpec("ids", "int64", (3,)))
    done = interop.convert(
        "jax_models:chosen", source="jax", target="torch", output=tmp_path / "out", inputs=inputs
    )
    assert done.grade == "A", done.manifest["rule"]["sentence"]
    assert [one["dtype"] for one in done.manifest["signature"]["inputs"]] == ["float32", "int64"]


def test_function_without_inputs(here, tmp_path):
    with pytest.raises(UsageError, match="does not say what its inputs are"):
        interop.convert("jax_models:chosen", source="jax", target="torch", output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_there_and_back(tmp_path):
    trip = interop.roundtrip("dlrm", ["torch", "jax", "torch"], output=tmp_path / "out")
    assert trip.grade == "A", [hop.first.sentence for hop in trip.hops]


def test_compiled_program(tmp_path):
    """StableHLO has no way to ONNX; its source has, but is Python."""
    (tmp_path / "model.jax").write_bytes(b"whatever")
    with pytest.raises(InvalidModel, match="no way from that to ONNX"):
        interop.convert(
            str(tmp_path / "model.jax"), source="jax", target="torch", output=tmp_path / "out"
        )
    (tmp_path / "model.py").write_text("raise SystemExit")
    with pytest.raises(InvalidModel, match="would run its"):
        interop.convert(
            str(tmp_path / "model.jax"), source="jax", target="torch", output=tmp_path / "out"
        )
    assert not (tmp_path / "out").exists()
