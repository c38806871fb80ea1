"""The bench as a whole: who is measured and who is not, what a failure costs, what is written."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console

from interop.backends import Runner, parse_list
from interop.bench import clocks, run, threads
from interop.bench.measure import Effort
from interop.bench.record import AGAIN
from interop.conversion import Request as ModelRequest
from interop.errors import EnvironmentUnavailable, OutputError, UsageError, WorkerCrashed
from interop.report.bench import bench_summary
from interop.report.bench_page import page
from interop.workers import Worker
from interop.workers.tensors import read_tensors, write_tensors

ORT, REFERENCE = "onnxruntime:cpu", "reference:cpu"


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """Two layers of a perceptron, their batch open."""
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal((64, 64)).astype(np.float32) / 8 for _ in range(2)]
    nodes = [
        helper.make_node("MatMul", ["x", "w0"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MatMul", ["b", "w1"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 64])],
        [numpy_helper.from_array(w, f"w{i}") for i, w in enumerate(weights)],
    )  # fmt: skip
    path = tmp_path_factory.mktemp("bench") / "perceptron.onnx"
    opset = helper.make_opsetid("", 20)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=10), path)
    return path


def request(model: Path, on: str = f"{ORT},{REFERENCE}", **more) -> run.Request:
    return run.Request(
        ModelRequest(str(model), "onnx", timeout=60), parse_list(on),
        effort=Effort(processes=2, seconds=0.1), **more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def swept(model, tmp_path_factory) -> tuple[Path, dict]:
    """A bench of two backends over two batches and two numbers of threads, and where it lies."""
    folder = tmp_path_factory.mktemp("swept") / "out"
    done = run.run(request(model, output=folder, batches=(1, 4), threads=(1, 2)))
    return folder, done.document


def test_the_record_says_what_ran_where_and_how(swept) -> None:
    folder, document = swept
    assert sorted(path.name for path in folder.iterdir()) == ["bench.json", "index.html"]
    assert json.loads((folder / "bench.json").read_text()) == document
    assert [(p["batch"], p["threads"]) for p in document["points"]] == [
        (1, 1),
        (1, 2),
        (4, 1),
        (4, 2),
    ]
    assert {p["clock"]["name"] for p in document["points"]} == {
        "host"
    }  # on a processor, there is one
    for point in document["points"]:
        assert len(point["affinity"]) == point["threads"]
        assert point["inputs"] == {"x": [point["batch"], 64]}
        assert point["items"] == point["batch"]
        assert point["reference"] == ORT
        assert point["resolution"] > 0
        assert [row["name"] for row in point["contenders"]] == [ORT, REFERENCE]
        for row in point["contenders"]:
            runs = [run for process in row["seconds"] for block in process for run in block]
            assert len(row["seconds"]) == len(row["cold"]["load"]) == 2
            assert row["grade"]["letter"] == "A"
            assert row["runs"] == len(runs)
            assert row["percentiles"]["p50"] == pytest.approx(np.median(runs), rel=1e-3)
            assert (row["percentiles"]["p99"] is None) == (len(runs) < 500)
            assert row["items_per_second"] == pytest.approx(
                point["batch"] / np.median(runs), rel=1e-3
            )
            assert row["peak_memory_bytes"] > 1 << 20
            assert row["model_bytes"] > 2 * 64 * 64 * 4
    assert document["machine"]["affinity"]
    assert document["exit_code"] == 0
    assert {"python", "onnxruntime", ORT, REFERENCE} <= set(document["versions"])


def test_the_page_stands_alone_and_needs_no_colour(swept) -> None:
    folder, document = swept
    text = (folder / "index.html").read_text()
    assert not re.search(r"""(src|href)\s*=|url\(|@import|<script""", text)
    plots = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(plots) == 2 * len(document["points"]) + 2  # ratios and spread, then both sweeps
    for plot in plots:
        for shape in ET.fromstring(plot).iter():
            numbers = [shape.get(k) for k in ("x", "y", "x1", "x2", "y1", "y2") if shape.get(k)]
            assert all(-1 <= float(number) <= 800 for number in numbers), shape.attrib
    for colour in re.findall(r"#([0-9a-f]{6})\b", text):
        parts = [int(colour[i : i + 2], 16) for i in (0, 2, 4)]
        assert max(parts) - min(parts) < 16, colour
    for name in (ORT, REFERENCE):
        assert text.count(name) > len(document["points"])


def test_the_terminal_shows_all_of_a_name_in_eighty_columns(swept) -> None:
    _, document = swept
    console = Console(width=80, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    bench_summary(document, console)
    text = console.export_text()
    for word in (
        ORT,
        REFERENCE,
        "batch 4, 2 threads",
        "host, end to end",
        "differs from itself by",
    ):
        assert word in text
    assert AGAIN not in text


def spoiled(monkeypatch, runtime: str) -> None:
    """Whatever `runtime` computes comes out a little wrong."""
    honest = Runner.run

    def wrong(self, inputs, outputs):
        honest(self, inputs, outputs)
        if self.backend.runtime == runtime:
            for folder in outputs:
                arrays = read_tensors(folder)
                write_tensors(folder, {n: a * np.float32(1.0001) for n, a in arrays.items()})

    monkeypatch.setattr(Runner, "run", wrong)


def test_a_backend_whose_parity_fails_has_no_figure_and_is_not_timed(
    model, monkeypatch, tmp_path
) -> None:
    timed = set()
    honest = Runner.time

    def noted(self, *arguments, **options):
        timed.add(str(self.backend))
        return honest(self, *arguments, **options)

    monkeypatch.setattr(Runner, "time", noted)
    spoiled(monkeypatch, "onnxruntime")
    document = run.run(request(model)).document
    assert timed == {REFERENCE}
    assert document["exit_code"] == 3
    first, second = document["points"][0]["contenders"]
    assert first["grade"]["letter"] in "CF"
    assert first["percentiles"] is None
    assert not {"median", "ratio", "items_per_second", "seconds", "cold"} & set(first)
    assert "parity failed, grade" in first["why"]
    assert document["points"][0]["reference"] == REFERENCE  # the first that has figures
    assert second["percentiles"]["p50"] is not None
    assert second["ratio"] is None
    console = Console(width=100, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    bench_summary(document, console)
    assert "parity failed, grade" in console.export_text()
    shown = page(document)
    assert "parity failed, grade" in shown
    assert shown.count("<polygon") == 2  # the medians of the two processes of the other


def test_with_no_parity_at_all_there_is_a_record_without_figures(model, monkeypatch) -> None:
    spoiled(monkeypatch, "onnxruntime")
    document = run.run(request(model, ORT)).document
    assert document["points"][0]["reference"] is None
    bench_summary(document, Console(file=open(os.devnull, "w")))  # noqa: SIM115
    assert "<svg" not in page(document)


def alive(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def on_call(monkeypatch, number: int, action) -> list[int]:
    """Do `action(runner)` before the call of that number that times REFERENCE; the processes."""
    honest, pids, calls = Runner.time, [], []

    def timed(self, *arguments, **options):
        pids.append(self.pid)
        if str(self.backend) == REFERENCE:
            calls.append(self)
            if len(calls) == number:
                action(self)
        return honest(self, *arguments, **options)

    monkeypatch.setattr(Runner, "time", timed)
    return pids


def test_a_process_that_is_killed_costs_only_its_row(model, monkeypatch) -> None:
    pids = on_call(monkeypatch, 8, lambda runner: os.kill(runner.pid, signal.SIGKILL))
    document = run.run(request(model)).document
    rows = document["points"][0]["contenders"]
    assert document["exit_code"] == WorkerCrashed.exit_code
    assert rows[0]["percentiles"]["p50"] is not None
    assert rows[1]["percentiles"] is None
    assert "was killed by SIGKILL in time" in rows[1]["why"]
    assert not any(map(alive, pids))


def test_an_interrupted_bench_leaves_nothing(model, monkeypatch, tmp_path) -> None:
    def interrupt(runner):
        raise KeyboardInterrupt

    pids = on_call(monkeypatch, 8, interrupt)
    with pytest.raises(KeyboardInterrupt):
        run.run(request(model, output=tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []
    assert pids
    assert not any(map(alive, pids))


def test_a_backend_that_is_not_there_is_a_row_with_its_reason(model) -> None:
    document = run.run(request(model, f"{ORT},onnxruntime:cuda")).document
    rows = document["points"][0]["contenders"]
    assert document["exit_code"] == EnvironmentUnavailable.exit_code
    assert rows[0]["percentiles"]["p50"] is not None
    assert rows[1]["percentiles"] is None
    assert "needs an NVIDIA GPU" in rows[1]["why"]


def test_two_clocks_are_two_tables(model, tmp_path, monkeypatch) -> None:
    """As with a device: here ONNX Runtime's memory stands for one, for it can be bound to it."""

    def bound(backend) -> bool:
        return backend.runtime == "onnxruntime"

    monkeypatch.setattr(clocks, "has_device", bound)
    monkeypatch.setattr(run, "has_device", bound)
    document = run.run(request(model, output=tmp_path / "out")).document
    host, device = document["points"]
    assert (host["clock"]["name"], device["clock"]["name"]) == ("host", "device")
    assert [row["name"] for row in host["contenders"]] == [ORT, REFERENCE]
    assert [row["name"] for row in device["contenders"]] == [ORT]  # the other has no such clock
    assert device["contenders"][0]["ratio"] is None
    assert host["contenders"][0]["seconds"] != device["contenders"][0]["seconds"]
    console = Console(width=100, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    bench_summary(document, console)
    tables = console.export_text().split("clock: ")[1:]
    assert [REFERENCE in table for table in tables] == [True, False]
    assert "(I/O binding) and JAX" in (tmp_path / "out" / "index.html").read_text()


def test_bound_to_its_device_a_model_computes_as_often_as_asked(model, tmp_path) -> None:
    """The operation of the device clock; on a processor, where the device's memory is the host's."""
    write_tensors(tmp_path / "in", {"x": np.ones((3, 64), np.float32)})
    with Worker(
        sys.executable, "interop.converters.onnxruntime.guest", label="ort", timeout=60
    ) as worker:
        worker.call("load", path=str(model))
        seconds = worker.call("time_resident", inputs=str(tmp_path / "in"), runs=7, warmup=2)[
            "seconds"
        ]
    assert len(seconds) == 7
    assert min(seconds) > 0


def test_the_number_of_threads_reaches_onnx_runtime(model) -> None:
    counts = []
    for number in (1, 3):
        with Worker(
            sys.executable, "interop.converters.onnxruntime.guest", label="ort", timeout=60,
            environment={**threads.thread_variables(number), "OPENBLAS_NUM_THREADS": "1"},
        ) as worker:  # fmt: skip
            worker.call("load", path=str(model))
            counts.append(len(list(Path(f"/proc/{worker.pid}/task").iterdir())))
    assert counts[1] - counts[0] == 2


def drawing(tmp_path: Path) -> Path:
    node = helper.make_node("RandomUniformLike", ["x"], ["y"], name="the_draw")
    graph = helper.make_graph(
        [node], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 4])],
    )  # fmt: skip
    path = tmp_path / "random.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path
    )
    return path


def test_what_cannot_be_measured_is_said_before_anything_is(model, tmp_path) -> None:
    with pytest.raises(UsageError, match="two processes"):
        run.run(
            run.Request(ModelRequest(str(model), "onnx"), parse_list(ORT), effort=Effort(1, 1.0))
        )
    with pytest.raises(UsageError, match="some seconds"):
        run.run(
            run.Request(ModelRequest(str(model), "onnx"), parse_list(ORT), effort=Effort(3, 0.0))
        )
    with pytest.raises(UsageError, match="threads are more than"):
        run.run(request(model, threads=(4096,)))
    (tmp_path / "there").mkdir()
    with pytest.raises(OutputError, match="exists already"):
        run.run(request(model, output=tmp_path / "there"))
    with pytest.raises(UsageError, match="draws random numbers"):
        run.run(request(drawing(tmp_path)))


def test_a_batch_that_the_model_cannot_take(tmp_path) -> None:
    with pytest.raises(UsageError, match="batch of 8: the first dimension of 'x' is fixed"):
        run.run(request(drawing(tmp_path), batches=(8,)))


def command(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "interop", "bench", *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["no_such_model", "--on", ORT], "no_such_model", 2),
        (["missing.onnx", "--on", ORT], "there is no file missing.onnx", 5),
        (["x.onnx", "--on", "onnxruntim:cpu"], "did you mean onnxruntime", 2),
        (["x.onnx", "--on", ","], "no backend is named", 2),
        (["x.onnx", "--on", ORT, "--batch", "1,zero"], "--batch '1,zero' cannot be read", 2),
        (["x.onnx", "--on", ORT, "--threads", "0"], "--threads '0' cannot be read", 2),
    ],
)
def test_bad_input_on_the_command_line(tmp_path, arguments, message, code) -> None:
    done = command(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_command(model, tmp_path) -> None:
    options = ["--processes", 2, "--seconds", 0.1, "--threads", 1, "-o", "out"]
    done = command(model, "--on", f"{ORT},{REFERENCE}", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 thread on processors" in done.stdout
    assert "written  out: index.html, bench.json" in done.stdout
    document = json.loads((tmp_path / "out" / "bench.json").read_text())
    assert document["points"][0]["contenders"][1]["ratio"]["verdict"] in (
        "faster",
        "slower",
        "tie",
        "unclear",
    )
