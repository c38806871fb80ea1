"""Backends that crash, hang or are killed for memory cost their own row; a killed audit goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from interop.audit import tries
from interop.audit.ledger import Ledger
from interop.audit.run import AuditRequest, run
from interop.audit.variants import PRECISIONS
from interop.backends import parse_list, table
from interop.backends.table import Place, Runtime
from interop.bench.measure import Effort
from interop.conversion import Request
from interop.errors import InvalidModel, OutputError, UsageError

GUESTS = Path(__file__).parent / "guests"
FAILING = ("crashing", "starving", "hanging")
SOUND = "onnxruntime:cpu,reference:cpu"


def small(path, scale=1.0):
    rng = np.random.default_rng(0)
    drawn = rng.standard_normal((16, 8)).astype(np.float32) * np.float32(scale)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Tanh", ["h"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 8])],
        [numpy_helper.from_array(drawn, "w")],
    )
    opset = helper.make_opsetid("", 21)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=10), path)
    return path


def request(model, on=SOUND, timeout=120.0, **more):
    settings = {name: more.pop(name) for name in ("seed", "force") if name in more}
    asked = Request(model=str(model), target="", timeout=timeout, **settings)
    return AuditRequest(asked, parse_list(on), model.parent / "out", effort=Effort(2, 0.05), **more)


def rows(document):
    return {row["backend"]: row for row in document["backends"]}


def ledger(folder):
    path = folder / "out" / "ledger.jsonl"
    return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def failing(monkeypatch):
    """The backends of guests/failing beside those that there are."""
    monkeypatch.syspath_prepend(GUESTS)
    planted = [
        Runtime(name, name, (), True, (Place("cpu", "onnx", guest=f"failing.{name}"),))
        for name in FAILING
    ]
    monkeypatch.setattr(table, "TAKING_ONNX", (*table.TAKING_ONNX, *planted))


@pytest.mark.slow
def test_a_backend_that_fails_costs_its_own_row(failing, tmp_path):
    model = small(tmp_path / "small.onnx")
    on = f"crashing,onnxruntime:cpu,starving,hanging,{SOUND}"
    found = rows(run(request(model, on, timeout=15.0)).document)
    assert {str(backend) for backend in parse_list(on)} == found.keys()
    for name in parse_list(SOUND):
        assert found[str(name)]["grade"] == "A"
        assert found[str(name)]["latency"]["median"] > 0
    crashed, starved, hung = (found[f"{name}:cpu"] for name in FAILING)
    assert (crashed["exit_code"], starved["exit_code"], hung["exit_code"]) == (7, 7, 8)
    assert "SIGSEGV in run" in crashed["sentence"]
    assert (starved["grade"], starved["passes"], starved["latency"]) == ("A", False, None)
    assert "SIGKILL" in starved["sentence"]
    assert "within 15 s" in hung["sentence"]
    # What may be of the moment is not kept; of the starving one, its grade is.
    kept = [json.loads(line) for line in ledger(tmp_path)]
    names = {line["key"]["backend"] for line in kept if line["kind"] == "backend"}
    assert names == {"starving:cpu", *map(str, parse_list(SOUND))}
    assert not [line for line in kept if line["kind"] == "timing"]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes by /proc")
def test_a_killed_audit_goes_on_where_it_ended(tmp_path):
    small(tmp_path / "small.onnx")
    first = command(tmp_path)
    until(lambda: ledger(tmp_path))
    first.send_signal(signal.SIGKILL)
    first.wait()
    until(lambda: not processes(tmp_path), 20)
    finished = [line for line in ledger(tmp_path) if line.endswith("}")]
    assert not (tmp_path / "out" / "audit.json").exists()
    assert finished
    with (tmp_path / "out" / "ledger.jsonl").open("a") as file:
        file.write('{"kind": "backend", "key": {"mod')  # as if it had died in a line
    second = command(tmp_path)
    printed, _ = second.communicate(timeout=300)
    assert second.returncode == 0, printed
    whole = [line for line in ledger(tmp_path) if line.endswith("}")]
    assert whole[: len(finished)] == finished
    keys = [(line["kind"], json.dumps(line["key"])) for line in map(json.loads, whole)]
    assert len(set(keys)) == len(keys) == 3 + 1 + len(PRECISIONS)  # backends, timing, variants
    document = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert [row["grade"] for row in document["backends"]] == ["A"] * 3
    left = {path.name for path in (tmp_path / "out").iterdir()}
    written = {f"audit.{ending}" for ending in ("json", "md", "xml", "sarif")}
    assert left == {*written, "index.html", "ledger.jsonl"}


def command(folder):
    arguments = ["audit", "small.onnx", "--on", f"opencv:cpu,{SOUND}", "-o", "out"]
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "interop", *arguments, "--seconds", "0.1"], cwd=folder,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )  # fmt: skip


def processes(folder):
    """Those that were started with that folder for their scratch."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"TMPDIR={folder}".encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


def until(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.02)
    return found


@pytest.fixture
def counted(monkeypatch):
    """What is run: the backends that are graded, and "timing"."""
    seen = []
    grade_on, timed = tries.grade_on, tries.timed

    def noted(backend, *arguments):
        seen.append(str(backend))
        return grade_on(backend, *arguments)

    def noted_timing(*arguments):
        seen.append("timing")
        return timed(*arguments)

    monkeypatch.setattr(tries, "grade_on", noted)
    monkeypatch.setattr(tries, "timed", noted_timing)
    return seen


@pytest.mark.slow
def test_only_what_has_changed_is_run_again(counted, tmp_path):
    model = small(tmp_path / "small.onnx")
    all_of_it = [*map(str, parse_list(SOUND)), "timing"]
    first = run(request(model)).document
    assert counted == all_of_it
    with pytest.raises(OutputError, match="is finished"):
        run(request(model))
    with pytest.raises(UsageError, match="--resume"):
        run(request(model, resume=True, force=True))
    counted.clear()
    again = run(request(model, resume=True)).document
    assert counted == []
    assert (again["backends"], again["variants"]) == (first["backends"], first["variants"])
    run(request(model, f"{SOUND},opencv:cpu", resume=True))
    assert counted == ["opencv:cpu", "timing"]
    counted.clear()
    run(request(model, resume=True, seed=1))
    assert counted == all_of_it
    counted.clear()
    small(model, scale=2.0)
    run(request(model, force=True))
    assert counted == all_of_it
    assert len(ledger(tmp_path)) == len(all_of_it) + len(
        PRECISIONS
    )  # what was there before --force is gone


def test_nothing_is_left_of_an_audit_that_could_not_begin(tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(InvalidModel):
        run(request(broken))
    assert [path.name for path in tmp_path.iterdir()] == ["broken.onnx"]


def test_a_file_that_is_no_ledger(tmp_path):
    path = tmp_path / "ledger.jsonl"
    path.write_text('{"another": "file"}\n')
    with pytest.raises(InvalidModel, match=r"line 1 of .* is not a row"):
        Ledger(path, {})


def test_a_row_is_found_under_its_own_key_alone(tmp_path):
    path = tmp_path / "ledger.jsonl"
    facts = {"model": ["ab"], "seed": 0}
    Ledger(path, facts).keep("backend", {"why": ""}, backend="torch:cpu", version="2")
    again = Ledger(path, facts)
    assert again.find("backend", version="2", backend="torch:cpu") == {"why": ""}
    assert again.find("backend", version="3", backend="torch:cpu") is None
    assert (
        Ledger(path, {**facts, "seed": 1}).find("backend", backend="torch:cpu", version="2") is None
    )
