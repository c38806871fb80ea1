"""The matrix: its cells, its ledger, what becomes of a run that is killed, and its page."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from interop.errors import InvalidModel, UnsupportedOperator, UsageError
from interop.matrix import definitions
from interop.matrix.cells import Cell, Key, Ledger, failed
from interop.matrix.groups import Group, groups, select
from interop.report.matrix import markdown, obstacles, report
from interop.report.matrix_page import page
from interop.workers.tensors import write_tensors


def command(tmp_path, *arguments):
    """`interop matrix` on one small model, in a process that can be found again by its mark."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "interop", "matrix", "--models", "dlrm", "--jobs", "1",
         "--output", str(tmp_path / "out"), *arguments],
        cwd=tmp_path,
        env={**os.environ, "INTEROP_TEST_MARK": str(tmp_path), "TMPDIR": str(tmp_path / "scratch")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip


def processes(tmp_path, module=""):
    """Processes (not zombies) of the command that run `module`."""
    mark, found = f"INTEROP_TEST_MARK={tmp_path}".encode(), []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            marked = mark in (entry / "environ").read_bytes()
            named = module.encode() in (entry / "cmdline").read_bytes()
            if marked and named and " Z " not in (entry / "stat").read_text():
                found.append(int(entry.name))
        except OSError:
            continue  # it ended while we looked
    return found


def until(condition, seconds=120.0):
    """Wait for something true, and return it."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)
    return found


def lines(tmp_path):
    path = tmp_path / "out" / "cells.jsonl"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes by /proc")
def test_a_killed_run_goes_on_where_it_ended(tmp_path):
    (tmp_path / "scratch").mkdir()
    ways = ("--from", "torch,mxnet", "--to", "mxnet,cntk")
    first = command(tmp_path, *ways)
    until(lambda: len(lines(tmp_path)) >= 1)
    first.send_signal(signal.SIGKILL)
    first.wait()
    # What it has started ends by itself, and clears up behind itself.
    until(lambda: not processes(tmp_path), 20)
    assert not list((tmp_path / "scratch").glob("interop-*"))
    finished = [line for line in lines(tmp_path) if line.endswith("}")]
    with (tmp_path / "out" / "cells.jsonl").open("a") as ledger:
        ledger.write('{"model": "dlrm", "sou')  # as if it had died in the middle of a line
    second = command(tmp_path, *ways)
    printed, _ = second.communicate(timeout=300)
    assert second.returncode == 0, printed
    assert f"4 cells, {len(finished)} of them finished before" in printed
    assert lines(tmp_path)[: len(finished)] == finished
    whole = [json.loads(line) for line in lines(tmp_path) if line.endswith("}")]
    assert len(lines(tmp_path)) == len(whole) + 1 == 5
    cells = {(cell["source"], cell["target"]): cell for cell in whole}
    for source in ("torch", "mxnet"):
        graded, refused = cells[source, "mxnet"], cells[source, "cntk"]
        assert graded["grade"] == "A"
        assert graded["effective_bits"]["probability"] >= 22
        assert graded["latency"]["ratio"] > 0
        assert refused["failure"]["type"] == "UnsupportedOperator"
        assert refused["failure"]["exit_code"] == 4
        assert "categories" in refused["failure"]["message"]
    document = json.loads((tmp_path / "out" / "matrix.json").read_text())
    assert document["schema_version"] == 1
    [agreement] = document["definitions"]
    assert (agreement["model"], agreement["reference"]) == ("dlrm", "torch")
    assert [standing["grade"] for standing in agreement["standings"]] == ["A", "A"]
    assert agreement["pairs"][0]["grade"] == "A"
    assert "| dlrm | mxnet | A 2" in (tmp_path / "out" / "matrix.md").read_text()
    assert not list((tmp_path / "scratch").glob("interop-*"))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes by /proc")
def test_a_process_that_dies_is_one_cell(tmp_path):
    (tmp_path / "scratch").mkdir()
    run = command(tmp_path, "--from", "mxnet", "--to", "mxnet,cntk")
    [child] = until(lambda: processes(tmp_path, "interop.matrix.child"))
    os.kill(child, signal.SIGKILL)
    printed, _ = run.communicate(timeout=300)
    assert run.returncode == 0, printed
    dead, refused = (json.loads(line) for line in lines(tmp_path))
    assert (dead["failure"]["type"], dead["failure"]["exit_code"]) == ("WorkerCrashed", 7)
    assert "SIGKILL" in dead["failure"]["message"]
    assert refused["failure"]["type"] == "UnsupportedOperator"
    assert not processes(tmp_path)


def cell(model="dlrm", source="torch", target="jax", **more):
    bits = {"y": 23.5}
    latency = {"ratio": 0.5, "ratio_interval": [0.4, 0.6], "artifact_ms": 1.0, "source_ms": 2.0}
    return Cell(model, source, target, grade="A", passes=True, effective_bits=bits, latency=latency,
                sentence="It computes the same function.", artifact_bytes=10,
                versions={"source": "1", "target": "2"}, **more)  # fmt: skip


def refusal(**more):
    message = (
        "2 node(s) cannot be lowered:\n  ai.onnx::Loop-23 (node 'a'): no </script> lowering\n"
        "  ai.onnx::Scan-23 (node 'b'): no lowering"
    )
    key = Key("bert", "keras", "cntk")
    return failed(key, "", UnsupportedOperator(message, hint="avoid them"), "lower", "target")


def test_the_ledger_survives_half_a_line(tmp_path):
    ledger = Ledger(tmp_path / "cells.jsonl")
    assert ledger.cells() == {}
    ledger.append(cell())
    with ledger.path.open("a") as file:
        file.write('{"model": "resnet18", "sour')
    again = Ledger(ledger.path)
    assert again.cells() == {cell().key: cell()}
    again.append(refusal())
    again.append(cell(seconds=5.0))  # done again: the last one counts
    assert list(Ledger(ledger.path).cells().values()) == [cell(seconds=5.0), refusal()]
    assert ledger.path.read_text().count("\n") == 4
    ledger.path.write_text('{"another": "file"}\n')
    with pytest.raises(InvalidModel, match=r"line 1 of .* is not a cell"):
        ledger.cells()


def test_cells_that_share_an_export_are_a_group():
    chosen = select(["resnet", "dlrm"], ["torch", "tf", "onnx"], ["jax", "gluon"])
    assert chosen.models == ("resnet50", "dlrm")
    assert chosen.sources == ("onnx", "torch", "tensorflow")
    found = groups(chosen, {Key("dlrm", "torch", "jax"), Key("resnet50", "torch", "jax"),
                            Key("resnet50", "torch", "mxnet")})  # fmt: skip
    # The zoo defines nothing in TensorFlow or ONNX: those sources are made from torch's.
    assert found == (
        Group("resnet50", "onnx", "torch", ("jax", "mxnet")),
        Group("resnet50", "tensorflow", "torch", ("jax", "mxnet")),
        Group("dlrm", "onnx", "torch", ("jax", "mxnet")),
        Group("dlrm", "torch", "", ("mxnet",)),
        Group("dlrm", "tensorflow", "torch", ("jax", "mxnet")),
    )
    with pytest.raises(UsageError, match="openvino cannot be a target"):
        select([], [], ["openvino"])


@pytest.fixture(name="defined")
def definitions_of_dlrm(tmp_path):
    """What two definitions of DLRM gave, faithful to the truth but for rounding."""
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((2, 50))
    home = tmp_path / "dlrm"

    def rounded():
        return {"probability": (truth * (1 + rng.normal(0, 2e-8, truth.shape))).astype(np.float32)}

    write_tensors(home / "torch" / "truth", {"probability": truth})
    for number in range(5):
        write_tensors(home / "torch" / "floor" / str(number), rounded())
    for framework in ("torch", "jax"):
        write_tensors(home / framework / "outputs", rounded())
    return home


def test_definitions_that_agree(defined):
    [agreement] = definitions.agreements(defined.parent)
    assert [one.grade for one in agreement.standings] == ["A", "A"]
    assert all(one.error_over_floor < 4 for one in agreement.standings)
    [pair] = agreement.pairs
    assert (pair.first, pair.second, pair.grade) == ("torch", "jax", "A")


def test_definitions_that_do_not(defined):
    truth = np.load(defined / "torch" / "truth" / "0000.npy")
    wrong = (truth * (1 + 1e-4)).astype(np.float32)  # an epsilon that is not the same
    write_tensors(defined / "jax" / "outputs", {"probability": wrong})
    definitions.note_failure("dlrm", "keras", "it has no such layer", defined.parent)
    [agreement] = definitions.agreements(defined.parent)
    by_name = {one.framework: one for one in agreement.standings}
    assert by_name["torch"].grade == "A"
    assert by_name["jax"].grade == "C"
    assert by_name["jax"].error_over_floor > 100
    assert (by_name["keras"].grade, by_name["keras"].failure) == (None, "it has no such layer")
    assert agreement.pairs[0].effective_bits < 16


class Page(HTMLParser):
    """The buttons of the cells, the data behind them, and what the page would fetch."""

    def __init__(self, text):
        super().__init__()
        self.buttons, self.fetched, self.data, self._in_data = [], [], "", False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.fetched += [given[name] for name in ("src", "href") if name in given]
        self._in_data = tag == "script" and given.get("id") == "cells"
        if tag == "button" and "data-cell" in given:
            self.buttons.append(given)

    def handle_data(self, data):
        if self._in_data:
            self.data += data
            self._in_data = False


def test_the_page_has_every_cell_and_fetches_nothing(defined):
    cells = {one.key: one for one in (cell(), cell("bert", "onnx", "jax", via="torch"), refusal())}
    document = report(cells, definitions.agreements(defined.parent))
    text = page(document)
    found = Page(text)
    assert [b["aria-label"] for b in found.buttons] == [
        "bert, onnx to jax: A 23.5",
        "bert, keras to cntk: unsupported",
        "dlrm, torch to jax: A 23.5",
    ]
    assert found.fetched == []
    assert "url(" not in text
    assert "@import" not in text
    data = json.loads(found.data)
    assert data == json.loads(json.dumps(document["cells"]))
    assert data[int(found.buttons[1]["data-cell"])]["operators"] == ["Loop", "Scan"]
    assert "The definitions agree" in text
    [obstacle] = obstacles(document)
    assert (obstacle.where, obstacle.reasons()) == ("into cntk", "Loop (1), Scan (1)")
    table = markdown(document)
    assert "2 of 3 conversions compute the same function (1 unsupported)" in table
    assert "| bert | onnx° | A 23.5 |" in table
    assert "| unsupported | into cntk | Loop (1), Scan (1) | 1 |" in table


def test_what_is_asked_for_wrongly(tmp_path):
    for arguments, said in (
        (("--models", "resnett"), "did you mean resnet"),
        (("--to", "openvino"), "openvino cannot be a target of the matrix"),
    ):
        run = subprocess.run(
            [sys.executable, "-P", "-m", "interop", "matrix", "-o", "out", *arguments],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert run.returncode == 2
        assert said.lower() in run.stderr.lower()
        assert not (tmp_path / "out").exists()
