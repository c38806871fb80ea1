"""An audit whose user says what is right: how often each backend, and fewer bits, are."""

from __future__ import annotations

import copy
import io
import json
import subprocess
import sys
from dataclasses import replace

import jsonschema
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console

from interop.audit import policy
from interop.audit.difference import changes
from interop.audit.listing import entries
from interop.audit.run import AuditRequest, run
from interop.audit.schema import SCHEMA
from interop.audit.several import SeveralRequest, run_all
from interop.backends import parse_list
from interop.bench.measure import Effort
from interop.conversion import Request
from interop.errors import UsageError
from interop.progress import Silent
from interop.report.audit import markdown
from interop.report.audit_page import page
from interop.report.audit_summary import audit_summary

ROWS, CLASSES, SETS = 300, 5, 3
RNG = np.random.default_rng(0)
X = RNG.standard_normal((SETS, ROWS, 32)).astype(np.float32)
WEIGHT = RNG.standard_normal((32, CLASSES)).astype(np.float32)
CHOSEN = np.argmax(X.astype(np.float64) @ WEIGHT, axis=2).reshape(-1)
#: Every tenth is called wrong.
RIGHT = np.where(np.arange(SETS * ROWS) % 10 == 0, (CHOSEN + 1) % CLASSES, CHOSEN)
ON = parse_list("onnxruntime:cpu,onnxruntime:cpu:int8,caffe:cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of one product, and Mod so that Caffe refuses it; its labels."""
    folder = tmp_path_factory.mktemp("accuracy")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Mod", ["h", "large"], ["y"], fmod=1),
    ]
    large = np.full(CLASSES, 1e6, np.float32)
    weights = [numpy_helper.from_array(WEIGHT, "w"), numpy_helper.from_array(large, "large")]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", CLASSES])], weights,
    )  # fmt: skip
    opset = [helper.make_opsetid("", 21)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), folder / "m.onnx")
    np.save(folder / "right.npy", RIGHT)
    np.savez(folder / "x.npz", x=X.reshape(-1, 32))
    return folder


def request(folder, output, **more):
    model = Request(model=str(folder / "m.onnx"), target="", data=folder / "x.npz")
    asked = AuditRequest(
        model, ON, output, effort=Effort(2, 0.2), labels=folder / "right.npy"
    )  # fmt: skip
    return replace(asked, **more)


@pytest.fixture(scope="module")
def audited(folder):
    return run(request(folder, folder / "out"))


@pytest.fixture
def record(audited):
    return copy.deepcopy(audited.document)


def of(record):
    rows = {row["backend"]: row for row in record["backends"]}
    return rows | {row["precision"]: row for row in record["variants"]}


def test_how_often_each_is_right(record):
    jsonschema.validate(record, SCHEMA)
    found = {name: row["accuracy"] for name, row in of(record).items()}
    assert found["onnxruntime:cpu"] == {
        "output": "y", "rows": SETS * ROWS, "right": 0.9, "of_truth": 0.9, "other": 0, "problem": "",
        "f1": pytest.approx(0.9, abs=0.02),
    }  # fmt: skip
    assert found["caffe:cpu"] is None
    assert found["fp16"]["right"] == pytest.approx(0.9, abs=0.003)
    for coarse in ("bf16", "int8-static", "onnxruntime:cpu:int8"):
        assert 0.85 < found[coarse]["right"] < 0.91
        assert 0 < found[coarse]["other"] < 0.05 * SETS * ROWS
        assert found[coarse]["of_truth"] == 0.9


def test_it_is_told(audited, record):
    out = io.StringIO()
    audit_summary(audited, Console(file=out, width=200))
    told = "right in 90 % of 900 rows (the float64 truth: 90 %)"
    assert f"onnxruntime:cpu: {told}" in out.getvalue()
    assert out.getvalue().count("the float64 truth") == 2 + 4
    assert "caffe:cpu: right" not in out.getvalue()
    assert f"<span>{told}</span>" in page(record)
    assert "bits, right in " in page(record)
    (row,) = [line for line in markdown(record).splitlines() if "| `onnxruntime:cpu` |" in line]
    assert row.split(" | ")[3] == "90 %"
    (row,) = [line for line in markdown(record).splitlines() if "| `caffe:cpu` |" in line]
    assert row.split(" | ")[3] == "–"


def test_a_policy_and_a_difference(record, tmp_path):
    def broken(rules):
        (tmp_path / "policy.toml").write_text(f"[require]\naccuracy = {rules}\n")
        return [one.sentence for one in policy.read(tmp_path / "policy.toml").judge(record)]

    assert broken('{ int8-static = 0.85, "onnxruntime:cpu" = 0.9 }') == []
    assert broken('{ "onnxruntime:cpu" = 0.901 }') == [
        "onnxruntime:cpu is right in 90.00%, required is 90.10%"
    ]
    assert broken('{ "caffe:cpu" = 0.1 }') == ["how often caffe:cpu is right was not measured"]
    with pytest.raises(UsageError, match="should be a table of precisions or backends and shares"):
        broken("{ int8-static = 90 }")
    new = copy.deepcopy(record)
    of(new)["onnxruntime:cpu"]["accuracy"]["right"] -= 1 / 900  # one row: rounding may decide it
    assert changes(record, new) == ()
    of(new)["onnxruntime:cpu"]["accuracy"]["right"] -= 8 / 900
    (change,) = changes(record, new)
    assert (change.kind, change.what) == ("worse", "onnxruntime:cpu")
    assert change.sentence == "right in 90.0% → 89.0% of 900 rows"


def test_what_is_kept_is_of_the_same_labels(folder, audited):
    """An audit that goes on reads its rows from the ledger, unless the labels are others."""
    ledger = folder / "out" / "ledger.jsonl"
    before = ledger.read_text()
    again = run(request(folder, folder / "out", resume=True))
    assert of(again.document)["fp16"]["accuracy"] == of(audited.document)["fp16"]["accuracy"]
    assert ledger.read_text() == before
    np.save(folder / "others.npy", CHOSEN)
    other = run(request(folder, folder / "out", resume=True, labels=folder / "others.npy"))
    assert of(other.document)["onnxruntime:cpu"]["accuracy"]["right"] == 1
    assert of(other.document)["fp16"]["accuracy"]["of_truth"] == 1


def test_labels_that_say_nothing(folder, tmp_path):
    np.save(tmp_path / "short.npy", RIGHT[:7])
    with pytest.raises(UsageError, match=r"holds labels \[7\], but output 'y' has 900 rows"):
        run(request(folder, tmp_path / "out", labels=tmp_path / "short.npy"))
    assert not (tmp_path / "out").exists()
    command = [sys.executable, "-P", "-m", "interop", "audit", "m.onnx", "--labels", "right.npy"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 2
    assert "--labels says what is right for your own inputs, and there are none" in done.stderr


def test_a_list_says_them(folder, tmp_path, monkeypatch):
    """And several sets, from a generator: all count, also those that parity would not be graded on."""
    monkeypatch.chdir(folder)
    (folder / "mine.toml").write_text(
        '[[models]]\nmodel = "m.onnx"\ndata = "generated:sets"\nlabels = "right.npy"\n'
    )
    (entry,) = entries([str(folder / "mine.toml")], Request(model="", target=""))
    assert entry.labels == folder / "right.npy"
    (folder / "generated.py").write_text(
        "import numpy as np\nX = np.load('x.npz')['x']\n"
        "def sets():\n    for one in X.reshape(3, 300, 32):\n        yield {'x': one}\n"
    )
    asked = SeveralRequest((entry,), ON[:1], tmp_path / "several", effort=Effort(2, 0.2))
    told = []
    run_all(asked, Silent(), told.append)
    assert [row["sentence"] for row in told] == [
        "It runs right on 1 of 1 backends that were tried."
    ]
    record = json.loads((tmp_path / "several/m/audit.json").read_text())
    found = of(record)["onnxruntime:cpu"]["accuracy"]
    assert (found["rows"], found["right"]) == (900, 0.9)
