"""What a bisection leaves behind shows the fault without us."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, parser
from onnx import numpy_helper as nph
from planted import (
    FAULTS,
    asked,
    named,
    net,
    planted,
)

from interop.bisect.command import carry_out


def tensors(folder: Path, kind: str) -> list[np.ndarray]:
    files = sorted(folder.glob(f"{kind}_*.pb"))
    return [nph.to_array(onnx.TensorProto.FromString(file.read_bytes())) for file in files]


def outputs(path: Path, feeds: list[np.ndarray]) -> list[np.ndarray]:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    return session.run(None, dict(zip(names, feeds, strict=True)))


def test_the_reproducer_shows_it_without_us(original: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = carry_out(asked(original, planted(FAULTS["slope"][0], tmp_path), output=out))
    model, bad = onnx.load(out / "model.onnx"), onnx.load(out / "candidate.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert (
        [node.op_type for node in model.graph.node]
        == ["LeakyRelu"]
        == [n.op_type for n in bad.graph.node]
    )
    given, (expected,) = (
        tensors(out / "test_data_set_0", "input"),
        tensors(out / "test_data_set_0", "output"),
    )
    assert [array.shape for array in given] == [(1, 8, 16)]
    assert np.array_equal(outputs(out / "model.onnx", given)[0], expected)
    assert not np.allclose(outputs(out / "candidate.onnx", given)[0], expected, rtol=1e-2)
    again = carry_out(
        asked(out / "model.onnx", out / "candidate.onnx", data=out, output=tmp_path / "again")
    )
    assert [node["operator"] for node in again["finding"]["nodes"]] == ["LeakyRelu"]
    assert found["rerun"] in (out / "README.md").read_text("utf-8")
    assert "onnxruntime" in (out / "README.md").read_text("utf-8")


def test_an_open_size_is_kept_where_the_fault_needs_it(original: Path, tmp_path: Path) -> None:
    """One wrong batch row, the last: a batch of one does not show it."""
    model = net()
    bent = named(model, "bent")
    bent.output[0] = "f_right"
    place = list(model.graph.node).index(bent)
    rows = {"from": [-1], "to": [2**31], "axes": [0], "minus": [1]}
    model.graph.initializer.extend(nph.from_array(np.array(v), n) for n, v in rows.items())
    for node in (
        helper.make_node("Slice", ["f_right", "zero_to", "minus_one", "axes"], ["others"]),
        helper.make_node("Slice", ["f_right", "minus", "to", "axes"], ["last_rows"]),
        helper.make_node("Neg", ["last_rows"], ["wrong_rows"]),
        helper.make_node("Concat", ["others", "wrong_rows"], ["f"], axis=0),
    )[::-1]:
        model.graph.node.insert(place + 1, node)
    model.graph.initializer.extend(
        nph.from_array(np.array([v]), n) for n, v in {"zero_to": 0, "minus_one": 1}.items()
    )
    onnx.save(model, tmp_path / "bad.onnx")
    carry_out(asked(original, tmp_path / "bad.onnx", output=tmp_path / "out"))
    (given,) = tensors(tmp_path / "out" / "test_data_set_0", "input")
    assert given.shape == (2, 8, 16)  # the first set that has a second row


def test_a_weight_that_nothing_shows_is_named_all_the_same(tmp_path: Path) -> None:
    text = """<ir_version: 10, opset_import: ["": 23]> words (int64[n] ids) => (float[n,4] y)
    { [table] y = Gather (words, ids) }"""
    for name, last in (("right", 1.0), ("wrong", 2.0)):
        model = parser.parse_model(text)
        table = np.ones((64, 4), np.float32)
        table[-1] = last
        model.graph.initializer.append(nph.from_array(table, "words"))
        onnx.save(model, tmp_path / f"{name}.onnx")
    np.savez(tmp_path / "ids.npz", ids=np.arange(8))
    found = carry_out(
        asked(tmp_path / "right.onnx", tmp_path / "wrong.onnx", data=tmp_path / "ids.npz",
                output=tmp_path / "out")
    )  # fmt: skip
    assert not found["passes"]
    assert found["finding"]["kind"] == "weight"
    assert [w["name"] for w in found["finding"]["weights"]] == ["words"]
    assert found["reproducer"] is None
    assert not (tmp_path / "out").exists()
