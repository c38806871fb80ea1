"""What will not fit into memory is refused before it is tried, with its own exit code."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from interop import memory
from interop.audit.memory import NEEDS, check_backend, check_truth, need
from interop.audit.run import USUAL, AuditRequest, run
from interop.audit.static import static_audit
from interop.backends import open_runner, parse, parse_list, runtimes
from interop.bench.measure import Effort
from interop.conversion import Request
from interop.errors import MemoryShort
from interop.graph.canonical import canonicalize, save
from interop.workers.tensors import write_tensors

MB = 1_000_000


def model(folder, side):
    """One product of side × side, and its audit."""
    weights = numpy_helper.from_array(np.full((side, side), 0.01, np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", side])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", side])],
        [weights],
    )
    opset = helper.make_opsetid("", 21)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=10), folder / "model.onnx")
    save(canonicalize(folder / "model.onnx"), folder / "canonical.onnx")
    return static_audit(folder / "model.onnx", folder / "canonical.onnx", {"batch": 1})


def test_the_estimate_is_near_what_a_backend_takes(tmp_path):
    """Held against a real process: what is called too large must be more than it takes. One weight of
    that size it packs anew beside itself, which smaller ones do not show."""
    static = model(tmp_path, 6000)  # 144 MB
    backend = parse("onnxruntime:cpu")
    write_tensors(tmp_path / "in", {"x": np.ones((1, 6000), np.float32)})
    with open_runner(backend, scratch=tmp_path) as runner:
        runner.load(tmp_path / "canonical.onnx")
        runner.run([str(tmp_path / "in")], [str(tmp_path / "out")])
        taken = runner.peak_memory
    estimate = need(backend).of(static)
    assert 0.5 * taken < estimate < 1.05 * taken
    check_backend(backend, static, free=int(1.5 * taken))
    with pytest.raises(MemoryShort, match=r"onnxruntime:cpu needs 2.. MB of memory") as caught:
        check_backend(backend, static, free=taken // 2)
    assert "--ignore-memory" in caught.value.hint
    assert caught.value.exit_code == 12


def test_more_weights_need_more(tmp_path):
    static = model(tmp_path, 64)
    for backend in map(parse, (*USUAL, "reference:cpu")):
        assert need(backend).of(static) < 2000 * MB
        check_backend(backend, static, free=2000 * MB)
        with pytest.raises(MemoryShort):
            check_backend(backend, static, free=20 * MB)
    with pytest.raises(MemoryShort, match="the float64 truth"):
        check_truth(static, free=20 * MB)
    assert set(NEEDS) <= set(runtimes())


def test_an_audit_refuses_the_backend_and_can_be_told_to_try(monkeypatch, tmp_path):
    """Room for the truth and ONNX Runtime, but for no framework."""
    model(tmp_path, 8)
    monkeypatch.setattr("interop.audit.memory.free_memory", lambda: 150 * MB)
    asked = Request(model=str(tmp_path / "model.onnx"), target="")
    on = parse_list("onnxruntime:cpu,tensorflow:cpu")
    done = run(AuditRequest(asked, on, tmp_path / "out", effort=Effort(2, 0.05)))
    refused = {row["backend"]: row for row in done.document["backends"]}["tensorflow:cpu"]
    assert (refused["grade"], refused["exit_code"], done.exit_code) == (None, 12, 12)
    assert "150 MB are free here" in refused["sentence"]
    assert any("--ignore-memory" in step for step in refused["next_steps"])
    monkeypatch.setattr("interop.audit.memory.free_memory", lambda: 1)
    with pytest.raises(MemoryShort, match="the float64 truth"):
        run(AuditRequest(asked, on[:1], tmp_path / "none", effort=Effort(2, 0.05)))
    assert not (tmp_path / "none").exists()
    dared = AuditRequest(
        asked, on[:1], tmp_path / "dared", effort=Effort(2, 0.05), ignore_memory=True
    )
    assert run(dared).exit_code == 0


def test_what_there_is_of_memory(tmp_path):
    """The least of what the machine and the container say; files as Linux writes them."""
    (tmp_path / "meminfo").write_text("MemTotal: 8000 kB\nMemAvailable:    5000 kB\n")
    groups = tmp_path / "groups"
    groups.mkdir()
    assert memory.free_memory(tmp_path, groups) == 5000 * 1024
    (groups / "memory.max").write_text("max\n")
    (groups / "memory.current").write_text("1000\n")
    assert memory.free_memory(tmp_path, groups) == 5000 * 1024
    (groups / "memory.max").write_text("3000000\n")
    assert memory.free_memory(tmp_path, groups) == 2_999_000
    (groups / "memory.current").write_text("4000000\n")
    assert memory.free_memory(tmp_path, groups) == 0
    assert memory.free_memory(tmp_path / "nowhere", tmp_path / "nowhere") > 100 * MB
