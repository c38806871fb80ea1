"""`interop bisect`: what it says, on real frameworks, and of what a user gets wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import parser
from planted import (
    FAULTS,
    NET,
    RNG,
    asked,
    half,
    net,
    planted,
)
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from interop.backends import parse
from interop.bisect.command import BisectRequest, carry_out, layer_profile
from interop.cli import app
from interop.conversion import Request, run
from interop.errors import InteropError, InvalidModel, UsageError
from interop.graph.canonical import canonicalize
from interop.graph.origins import origin_of
from interop.parity import InputSet


def test_the_command_says_it_and_ends_with_3(original: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    bad = planted(FAULTS["slope"][0], tmp_path)
    said = CliRunner().invoke(app, ["bisect", str(original), str(bad)])
    assert said.exit_code == 3
    assert "LeakyRelu 'bent' goes wrong first" in said.output
    assert "cd net-bisect && interop bisect" in said.output
    right = CliRunner().invoke(app, ["bisect", str(original), str(original), "--force"])
    assert right.exit_code == 0
    shown = CliRunner().invoke(app, ["bisect", str(original), str(bad), "--layers"])
    assert shown.exit_code == 3
    assert "divergent" in next(line for line in shown.output.splitlines() if "bent" in line)


# --- frameworks --------------------------------------------------------------------------------


def test_a_faithful_backend_has_no_fault(original: Path, tmp_path: Path) -> None:
    found = carry_out(asked(original, on="tensorflow:cpu", output=tmp_path / "out"))
    assert found["passes"], found["finding"]
    assert found["versions"]["tensorflow"]


@pytest.mark.slow
def test_a_spoilt_weight_of_an_artifact_is_named(original: Path, tmp_path: Path) -> None:
    folder = tmp_path / "converted"
    run(Request(str(original), "tensorflow", output=folder))
    weights = load_file(folder / "weights.safetensors")
    found = carry_out(asked(original, folder, output=tmp_path / "out"))
    assert found["passes"], found["finding"]
    weights["w1"] = half(weights["w1"])
    save_file(weights, folder / "weights.safetensors")
    found = carry_out(asked(original, folder, output=tmp_path / "out"))
    assert [w["name"] for w in found["finding"]["weights"]] == ["w1"]
    assert "'second'" in found["finding"]["nodes"][0]["node"]


def test_a_node_says_which_module_and_line_it_is_from(exported) -> None:
    """torch's exporter writes opset 20, so the graph has gone through the version converter."""
    import onnx_ir as ir

    model = ir.to_proto(canonicalize(exported("keyword_spotter") / "model.onnx"))
    (gru,) = [node for node in model.graph.node if node.op_type == "GRU"]
    origin = origin_of(gru)
    assert (origin.scope, origin.kind) == ("gru", "torch.nn.modules.rnn.GRU")
    assert "in_torch.py" in origin.line
    assert "self.gru(" in origin.line


def test_the_profile_of_a_backend_has_a_row_for_each_node(original: Path, tmp_path: Path) -> None:
    sets = [InputSet("drawn", {"x": RNG(1).standard_normal((3, 8, 16)).astype(np.float32)})]
    rows = layer_profile(original, parse("onnxruntime"), sets, tmp_path)
    assert len(rows) > 10
    assert all(row["effective_bits"] > 22 for row in rows if row["effective_bits"] is not None)
    assert not any(row["wrong"] for row in rows)
    assert {"sine", "inner"}.isdisjoint(name for row in rows for name in row["outputs"])


# --- what a user gets wrong --------------------------------------------------------------------


def wrong_requests(
    original: Path, folder: Path
) -> dict[str, tuple[BisectRequest, type[InteropError], str]]:
    other = net()
    other.graph.input[0].name = "z"
    for node in other.graph.node:
        node.input[:] = ["z" if name == "x" else name for name in node.input]
    onnx.save(other, folder / "other.onnx")
    (folder / "text.onnx").write_text("no model")
    wide = parser.parse_model(NET.replace("float[n,8,16] x)", "double[n,8,16] x)").split("[first]")[0]
                              .replace("(float[n,16,8] y, float[n,16] pooled)", "(double[n,8,16] y)") + "y = Neg (x) }")  # fmt: skip
    narrow = parser.parse_model("""<ir_version: 10, opset_import: ["": 23]>
        net (float[n,8,16] x) => (float[n,8,16] y) { y = Neg (x) }""")
    for name, one in (("wide", wide), ("narrow", narrow)):
        onnx.save(one, folder / f"{name}.onnx")
    return {
        "other types": (asked(folder / "wide.onnx", folder / "narrow.onnx"), UsageError, "float64 in the one"),
        "nothing to compare with": (asked(original), UsageError, "nothing to hold"),
        "no such file": (asked(original, folder / "none.onnx"), InvalidModel, "none.onnx"),
        "no model": (asked(original, folder / "text.onnx"), InvalidModel, "text.onnx"),
        "other inputs": (asked(original, folder / "other.onnx"), UsageError, "cannot be paired"),
        "not ONNX": (asked(original, folder), InteropError, str(folder)),
        "no such data": (asked(original, original, data=folder / "none.npz"), UsageError, "none.npz"),
    }  # fmt: skip


BAD_INPUT = (
    "other types", "nothing to compare with", "no such file", "no model", "other inputs", "not ONNX",
    "no such data",
)  # fmt: skip


@pytest.mark.parametrize("kind", BAD_INPUT)
def test_bad_input(kind: str, original: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    request, error, words = wrong_requests(original, tmp_path)[kind]
    with pytest.raises(error, match=words):
        carry_out(request)
    assert not list(tmp_path.glob("*-bisect"))
