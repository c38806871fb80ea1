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

ZOO_WAYS = [
    pytest.param(name, marks=() if name in ("dlrm", "gpt") else pytest.mark.long) for name in ZOO
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
            assert given == dim
    assert not any("fixed in the exported model" in note for note in done.manifest["notes"])


def test_recurrent_layer_of_flax(here, tmp_path):
    """A layer both ways, its length open, its weights called after those in the module."""
    done = interop.convert(
        "jax_models:reader", source="jax", target="jax", output=tmp_path / "out",
        inputs=(TensorSpec("x", "float32", ("batch", "length", 4)),),
    )  # fmt: skip
    assert done.grade == "A", done.manifest["rule"]["sentence"]
    assert done.manifest["signature"]["inputs"][0]["shape"] == ["batch", "length", 4]
    source = (done.folder / "model.py").read_text()
    assert "params['both.forward_rnn.cell.dense_i.kernel_pair']" in source


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


def test_source_is_run_only_where_it_is_trusted(tmp_path):
    (tmp_path / "model.py").write_text("raise SystemExit")
    with pytest.raises(InvalidModel, match="would run its"):
        interop.convert(str(tmp_path), source="jax", target="torch", output=tmp_path / "out")
    assert not (tmp_path / "out").exists()
