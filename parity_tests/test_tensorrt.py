"""TensorRT-RTX builds real engines here, without a GPU; what needs one is said in one line."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import interop
from interop.audit.ways import way
from interop.backends import engines, open_runner, parse, runner
from interop.backends.profiles import profile
from interop.bench.grading import Settings, find_truth, grade_on
from interop.bench.subject import inputs_for
from interop.bench.subject import load as load_subject
from interop.checks.homes import Homes
from interop.conversion import Request
from interop.doctor import Gpu, describe_gpu, find_gpu
from interop.environments import provide
from interop.errors import EnvironmentUnavailable, InvalidModel, UnsupportedOperator, UsageError
from interop.progress import Silent
from interop.workers import Worker
from interop.workers.tensors import write_tensors

WEIGHTS = np.random.default_rng(0).standard_normal((2, 256, 256)).astype(np.float32)
GUEST = "interop.converters.tensorrt_rtx.guest"


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def write(path, nodes, inputs, outputs, weights=()):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(weights))
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("my.own", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


@pytest.fixture(name="model")
def small_network(tmp_path):
    """Two products, with the batch open."""
    nodes = [
        helper.make_node("MatMul", ["x", "v"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("MatMul", ["r", "w"], ["y"]),
    ]
    weights = [numpy_helper.from_array(w, name) for w, name in zip(WEIGHTS, "vw", strict=True)]
    return write(
        tmp_path / "model.onnx", nodes, [value("x", ["n", 256])], [value("y", ["n", 256])], weights
    )


@pytest.fixture(name="inputs")
def two_batches(tmp_path):
    folders = [str(tmp_path / f"in-{count}") for count in (2, 7)]
    for folder, count in zip(folders, (2, 7), strict=True):
        write_tensors(folder, {"x": np.ones((count, 256), np.float32)})
    return folders


@pytest.fixture(autouse=True)
def own_engines(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "engines_folder", lambda: tmp_path / "engines")


def test_sizes_are_those_of_the_inputs():
    sets = [
        {"x": np.zeros((2, 9, 4)), "sizes": np.array([8, 8]), "step": np.array(1)},
        {"x": np.zeros((1, 30, 4)), "sizes": np.array([16, 4]), "step": np.array(3)},
    ]
    assert profile(sets) == {
        "x": {"shapes": [[1, 9, 4], [2, 9, 4], [2, 30, 4]]},
        "sizes": {"shapes": [[2], [2], [2]], "values": [[8, 4], [8, 8], [16, 8]]},
        "step": {"shapes": [[], [], []], "values": [[1], [1], [3]]},
    }
    assert profile([]) == {}


def built(backend, model, inputs, scratch):
    with open_runner(parse(backend), scratch=scratch, timeout=300) as opened:
        return opened.build(model, inputs)


def test_engines_of_each_precision_are_built_and_kept(model, inputs, tmp_path, monkeypatch):
    """The sixteen-bit ones have casts at their ends, and fewer bytes; the eight-bit ones more nodes, which
    quantize; TF32 is a flag."""
    found, facts = {}, {}
    for precision in ("fp32", "tf32", "fp16", "bf16", "int8", "fp8"):
        one = built(f"tensorrt-rtx:cuda:{precision}", model, inputs, tmp_path)
        assert "it parses and builds for TensorRT-RTX 1." in one.said
        found[precision] = one
        facts[precision] = json.loads((one.path.parent / "engine.json").read_text())
        assert facts[precision]["bytes"] == one.path.stat().st_size
    assert facts["fp32"]["profile"]["x"]["shapes"] == [[2, 256], [2, 256], [7, 256]]
    assert facts["fp32"]["layers"] == facts["tf32"]["layers"] == 5  # weights are layers
    assert facts["fp16"]["layers"] == facts["bf16"]["layers"] == 5 + 2
    for eight in ("int8", "fp8"):
        assert facts[eight]["layers"] > 5 + 2 * 3  # each of three tensors that meet a product
    assert facts["fp32"]["bytes"] > WEIGHTS.nbytes
    assert max(facts["fp16"]["bytes"], facts["bf16"]["bytes"]) < WEIGHTS.nbytes
    assert found["int8"].path.read_bytes() != found["fp8"].path.read_bytes()
    assert found["fp16"].path.read_bytes() != found["bf16"].path.read_bytes()
    assert found["fp32"].path.read_bytes() != found["tf32"].path.read_bytes()
    monkeypatch.setattr(runner.Runner, "_builder", None)  # nothing builds any more
    assert built("tensorrt-rtx:cuda:fp16", model, inputs, tmp_path) == found["fp16"]


def test_what_an_engine_is_kept_under(model, inputs, tmp_path):
    """Whatever decides what is built: another of it is another engine."""
    home, here = provide("tensorrt_rtx"), Gpu(("A",), "580.1", "", ("8.9",))
    usual = (model, parse("trt-rtx"), home, here, inputs)

    def key(*changed):
        given = {type(one): one for one in changed}
        args = [given.get(type(one), one) for one in usual]
        return engines._key(engines._facts(*args))

    other = tmp_path / "other.onnx"
    other.write_bytes(model.read_bytes() + b"\x72\x00")
    keys = [
        key(), key(other), key(parse("trt-rtx:cuda:tf32")), key(parse("trt")), key(inputs[:1]),
        key(Gpu(("A",), "580.2", "", ("8.9",))), key(Gpu(("A",), "580.1", "", ("12.0",))),
    ]  # fmt: skip
    assert len(set(keys)) == len(keys)
    beside = model.with_name("model.onnx.data")
    beside.write_bytes(b"weights")
    assert key() not in keys
    beside.unlink()
    assert key() == keys[0]


def test_nodes_that_the_parser_refuses_are_named(tmp_path):
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="sound"),
        helper.make_node("Unique", ["a"], ["u"], name="odd/one"),
        helper.make_node("Det", ["m"], ["d"], name="determinant"),
        helper.make_node("Mine", ["d"], ["y"], name="custom", domain="my.own"),
    ]
    model = write(
        tmp_path / "planted.onnx", nodes, [value("x", [4]), value("m", [3, 3])],
        [value("u", ["k"]), value("y", [])],
    )  # fmt: skip
    with pytest.raises(UnsupportedOperator) as refused:
        built("tensorrt-rtx:cuda", model, [], tmp_path)
    message, detail = refused.value.message, refused.value.detail.splitlines()
    assert message == (
        "TensorRT-RTX refuses 3 nodes of planted.onnx: "
        "'odd/one' (Unique), 'determinant' (Det), 'custom' (Mine)"
    )
    assert detail[0] == "'odd/one' (Unique): UNSUPPORTED_NODE in checkUnique"
    assert detail[2].startswith("'custom' (Mine): INVALID_NODE in ")
    assert "Plugin not found" in detail[2]
    assert [path.suffix for path in (tmp_path / "engines").iterdir()] == [".lock"]


def test_what_cannot_be_built(model, tmp_path):
    with pytest.raises(UsageError, match="needs to know which sizes input 'x' comes in"):
        built("tensorrt-rtx:cuda", model, [], tmp_path)
    with pytest.raises(UsageError, match="needs inputs to calibrate"):
        built("tensorrt-rtx:cuda:int8", model, [], tmp_path)
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    with pytest.raises(InvalidModel, match=r"cannot parse broken\.onnx") as refused:
        built("tensorrt-rtx:cuda", tmp_path / "broken.onnx", [], tmp_path)
    assert "MODEL_DESERIALIZE_FAILED" in refused.value.detail


def test_a_network_that_only_the_builder_refuses(tmp_path):
    """The parser takes it; its product of 3 and 4 columns comes out at building."""
    home = provide("tensorrt_rtx")
    nodes = [helper.make_node("MatMul", ["x", "x"], ["y"], name="square")]
    model = write(tmp_path / "m.onnx", nodes, [value("x", ["n", "m"])], [value("y", ["n", "m"])])
    sizes = {"x": {"shapes": [[2, 4], [3, 4], [3, 4]]}}
    with Worker(home.interpreter, GUEST, label="rtx", timeout=100) as worker:
        with pytest.raises(UnsupportedOperator, match=r"parses m\.onnx, but builds no engine") as e:
            worker.call("build", model=model, path=tmp_path / "e", precision="fp32", profile=sizes)
        assert e.value.detail
        assert not (tmp_path / "e").exists()
        with pytest.raises(UsageError, match="no engine is loaded"):
            worker.call("run", inputs=[], outputs=[])


@pytest.fixture(name="no_gpu")
def without_a_gpu(monkeypatch):
    """As on most machines; elsewhere it is made so."""
    nothing = Gpu((), None, "no NVIDIA driver is installed")
    monkeypatch.setattr(runner, "find_gpu", lambda: nothing)


def test_without_a_driver_it_is_built_and_not_run(model, inputs, tmp_path, no_gpu):
    with (
        open_runner(parse("tensorrt-rtx"), scratch=tmp_path) as opened,
        pytest.raises(EnvironmentUnavailable) as unavailable,
    ):
        opened.load(model, inputs)
    said = unavailable.value.message
    assert said.startswith("tensorrt-rtx:cuda is not run: no NVIDIA driver is installed; it parses")
    assert "5 layers, an engine of" in said
    assert "\n" not in said
    with pytest.raises(EnvironmentUnavailable, match="tensorrt:cuda needs an NVIDIA GPU"):
        open_runner(parse("trt"), scratch=tmp_path)


def test_an_audit_says_that_it_builds(model, tmp_path, no_gpu):
    """And one engine is for all sizes that it is going to be run on."""
    request = Request(model=str(model), target="onnx")
    (tmp_path / "subject").mkdir()
    subject = load_subject(request, tmp_path / "subject", Silent())
    backends = (parse("tensorrt-rtx"), parse("onnxruntime"))
    batch, _ = inputs_for(subject, request, 32, tmp_path / "32")
    settings = Settings(300, 0, tmp_path, (batch,))
    find_truth(subject.plan, settings, Silent())
    homes = Homes(backends, Silent())
    graded = {one: grade_on(one, subject.plan, homes, settings, Silent()) for one in backends}
    row = way("model.onnx", backends[0], graded[backends[0]], None, "onnxruntime:cpu")
    assert (row.unavailable, row.passes, row.grade) == (True, False, None)
    assert "it parses and builds for TensorRT-RTX" in row.sentence
    assert row.bytes > WEIGHTS.nbytes
    assert graded[backends[0]].convert > 0
    (facts,) = (tmp_path / "engines").glob("*/engine.json")
    assert json.loads(facts.read_text())["profile"]["x"]["shapes"][2] == [32, 256]
    assert graded[backends[1]].passes
    assert graded[backends[1]].convert is None


@pytest.mark.slow
@pytest.mark.parametrize("zoo", ["dlrm", "dcgan"])
def test_zoo_models_are_built(zoo, no_gpu):
    row = next(r for r in interop.check(zoo, on="tensorrt-rtx").rows if r["kind"] == "backend")
    assert "it parses and builds for TensorRT-RTX" in row["error"]["message"]


def test_the_driver_tells_what_a_device_is():
    gpu = describe_gpu(0, "Big GPU\t9.0\nSmall GPU\t12.1\n", "580.1")
    assert gpu.names == ("Big GPU", "Small GPU")
    assert gpu.capabilities == ("9.0", "12.1")


@pytest.mark.parametrize("backend", ["tensorrt-rtx:cuda", "tensorrt:cuda"])
def test_it_computes_what_numpy_computes(backend, model, inputs, tmp_path):
    """Not run by us."""
    if not find_gpu().names:
        pytest.skip(f"{backend} needs an NVIDIA GPU: {find_gpu().reason}")
    from interop.workers.tensors import read_tensors

    image = np.random.default_rng(1).standard_normal((2, 256)).astype(np.float32)
    write_tensors(tmp_path / "given", {"x": image})
    with open_runner(parse(backend), scratch=tmp_path) as opened:
        opened.load(model, inputs)
        opened.run([str(tmp_path / "given")], [str(tmp_path / "out")])
        assert all(s > 0 for s in opened.time(inputs[0], 3, resident=True))
        write_tensors(tmp_path / "large", {"x": np.ones((8, 256), np.float32)})
        with pytest.raises(UsageError, match="was built for sizes of 'x'"):
            opened.run([str(tmp_path / "large")], [str(tmp_path / "none")])
    true = np.maximum(image.astype(np.float64) @ WEIGHTS[0], 0) @ WEIGHTS[1]
    np.testing.assert_allclose(read_tensors(tmp_path / "out")["y"], true, rtol=1e-4, atol=1e-3)


def test_tensors_go_to_the_device_and_back(open_worker, tmp_path):
    """On a twin of the device (guests/tensorrt_twin.py), for whatever batch comes."""
    (tmp_path / "engine").write_bytes(b"twin")
    worker = open_worker("tensorrt_rtx", "tensorrt_twin")
    found = worker.call("run_twin", path=str(tmp_path / "engine"), batches=[2, 4, 1])
    for count, outputs in zip((2, 4, 1), found["outputs"], strict=True):
        x = np.arange(count * 3).reshape(count, 3) / 4
        assert outputs == {"y": (x * 2).tolist(), "big": x[x > 1].tolist()}
    assert found["outputs"][2]["big"] == []
    assert 0.002 < found["seconds"] < 1  # the device's own clock; the twin takes 2 ms
    assert found["buffers"] == 3  # one for each tensor, grown and used again


@pytest.mark.parametrize(
    ("how", "error", "says"),
    [
        ("sizes", UsageError, r"sizes of 'x' from \(1, 3\) to \(4, 3\), and is given \(9, 3\)"),
        ("type", UnsupportedOperator, "takes 'x' as float32, and the model as float64"),
        ("device", EnvironmentUnavailable, "CUDA says: an illegal memory access"),
        ("engine", EnvironmentUnavailable, "Twin cannot run its engine on this device"),
    ],
)
def test_what_a_device_refuses(how, error, says, open_worker, tmp_path):
    (tmp_path / "engine").write_bytes(b"twin")
    worker = open_worker("tensorrt_rtx", "tensorrt_twin")
    with pytest.raises(error, match=says):
        worker.call("fail_twin", path=str(tmp_path / "engine"), how=how)
