"""Backends: the grammar says what there is, and each runs a model as NumPy computes it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from interop.converters.onnxruntime.placement import PROCESSOR, copies, fallen, placement
from onnx import TensorProto, helper, numpy_helper

from interop import targets
from interop.backends import Backend, open_runner, parse, parse_list, runner, runtimes
from interop.doctor import Gpu
from interop.environments import provide
from interop.errors import EnvironmentUnavailable, InteropError, UnsupportedOperator, UsageError
from interop.frameworks import known
from interop.graph.canonical import canonicalize, save
from interop.workers.tensors import read_tensors, write_tensors

RNG = np.random.default_rng(0)
KERNEL = RNG.standard_normal((4, 3, 3, 3)).astype(np.float32)
WEIGHT = RNG.standard_normal((4, 5)).astype(np.float32)


@pytest.mark.parametrize(
    ("text", "backend", "shown"),
    [
        ("torch", Backend("torch"), "torch:cpu"),
        (" ORT:CPU ", Backend("onnxruntime"), "onnxruntime:cpu"),
        ("tf@2.20:cpu", Backend("tensorflow", "2.20"), "tensorflow@2.20:cpu"),
        ("torch:cpu:fp32", Backend("torch"), "torch:cpu"),
        ("openvino:cpu:bf16", Backend("openvino", None, "cpu", "bf16"), "openvino:cpu:bf16"),
        ("ort@1.30:cuda:tf32", Backend("onnxruntime", "1.30", "cuda", "tf32"), "onnxruntime@1.30:cuda:tf32"),
        ("tflite:cpu:int8", Backend("tflite", None, "cpu", "int8"), "tflite:cpu:int8"),
        ("trt-rtx", Backend("tensorrt-rtx", None, "cuda"), "tensorrt-rtx:cuda"),
        ("torch.compile", Backend("torch-compile"), "torch-compile:cpu"),
        ("jax:cuda:tf32", Backend("jax", None, "cuda", "tf32"), "jax:cuda:tf32"),
    ],
)  # fmt: skip
def test_grammar(text, backend, shown):
    assert parse(text) == backend
    assert str(backend) == shown
    assert parse(shown) == backend


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("torhc:cpu", "no runtime 'torhc'", "did you mean torch? there are onnxruntime"),
        ("torch:gpu", "PyTorch does not run on 'gpu'", "it runs on cpu, cuda"),
        ("trt:cpu", "TensorRT does not run on 'cpu'", "it runs on cuda"),
        ("ort:cuad", "ONNX Runtime does not run on 'cuad'", "did you mean cuda?"),
        ("torch:cpu:bf16", "PyTorch on cpu has no precision 'bf16'", "it runs in fp32"),
        ("openvino:cpu:fp15", "OpenVINO on cpu has no precision 'fp15'", "did you mean fp16?"),
        ("torch@latest:cpu", "'latest' in 'torch@latest:cpu' is not a version", "runtime[@version]"),
        ("torch:cpu:fp32:fast", "is no backend", "runtime[@version]:device[:precision]"),
        (":cpu", "is no backend", "runtime[@version]:device[:precision]"),
    ],
)  # fmt: skip
def test_what_the_table_lacks(text, message, hint):
    with pytest.raises(UsageError) as error:
        parse(text)
    assert message in error.value.message
    assert hint in error.value.hint


def test_lists():
    assert parse_list("ort, torch:cpu,onnxruntime:cpu:fp32,") == (
        Backend("onnxruntime"),
        Backend("torch"),
    )
    with pytest.raises(UsageError, match="no backend is named"):
        parse_list(" , ")


def test_every_row_is_whole():
    """Each place has an environment, a worker and a precision; what has source written is a runtime."""
    for row in runtimes().values():
        assert row.places
        for place in row.places:
            assert known()[place.framework].folder.is_dir()
            assert place.precisions[0] == "fp32"
            assert place.module
    assert {
        name for name, row in known().items() if row.kind and row.kind.has_source
    } <= runtimes().keys()
    words = [word for row in runtimes().values() for word in (row.name, *row.aliases)]
    assert len(words) == len(set(words))


def test_a_device_that_is_not_here(tmp_path, monkeypatch):
    """It is said before any environment is made."""
    nothing = Gpu((), None, "no NVIDIA driver is installed")
    monkeypatch.setattr(runner, "find_gpu", lambda: nothing)
    monkeypatch.setattr(runner, "provide_for", None)
    with pytest.raises(EnvironmentUnavailable) as error:
        open_runner(parse("ort:cuda"), scratch=tmp_path)
    assert "onnxruntime:cuda needs an NVIDIA GPU: no NVIDIA driver" in error.value.message
    assert "install NVIDIA's driver" in error.value.hint


@pytest.fixture(name="model", scope="module")
def small_network(tmp_path_factory):
    """A convolution, a mean and a product, under names that no framework takes as they are."""
    nodes = [
        helper.make_node("Conv", ["in/image:0", "kernel"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("ReduceMean", ["r"], ["m"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["m", "w"], ["z"]),
        helper.make_node("Tanh", ["z"], ["out.tanh"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("in/image:0", TensorProto.FLOAT, ["n", 3, 6, 7])],
        [
            helper.make_tensor_value_info("out.tanh", TensorProto.FLOAT, ["n", 5]),
            helper.make_tensor_value_info("m", TensorProto.FLOAT, ["n", 4]),
        ],
        [numpy_helper.from_array(KERNEL, "kernel"), numpy_helper.from_array(WEIGHT, "w")],
    )
    folder = tmp_path_factory.mktemp("small")
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(proto, folder / "model.onnx")
    save(canonicalize(folder / "model.onnx"), folder / "canonical.onnx")
    return folder / "canonical.onnx"


def expected(image):
    """By NumPy, in float64."""
    padded = np.pad(image.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    mean = np.maximum(np.einsum("nchwij,ocij->nohw", windows, KERNEL), 0).mean(axis=(2, 3))
    return {"out.tanh": np.tanh(mean @ WEIGHT), "m": mean}


def run(backend, model, scratch, calibration=()):
    """(inputs, outputs) of two sets of different batches, and the runner's facts."""
    images = [RNG.standard_normal((n, 3, 6, 7)).astype(np.float32) for n in (1, 3)]
    inputs, outputs = ([str(scratch / f"{who}-{i}") for i in range(2)] for who in ("in", "out"))
    for folder, image in zip(inputs, images, strict=True):
        write_tensors(folder, {"in/image:0": image})
    with open_runner(parse(backend), scratch=scratch, timeout=300) as opened:
        opened.load(model, calibration=inputs if calibration == "own" else calibration)
        opened.run(inputs, outputs)
        seconds = opened.time(inputs[0], runs=3, warmup=1)
        assert len(seconds) == 3
        assert all(0 < one < 60 for one in seconds)
        assert opened.peak_memory > 10_000_000
        facts = opened.facts
    assert not opened.alive
    return images, [read_tensors(folder) for folder in outputs], facts


LIGHT = ["onnxruntime", "onnxruntime:openvino", "reference", "openvino", "opencv", "jax"]
HEAVY = ["tvm", "tensorflow", "mxnet", "caffe2", "torch"]


@pytest.mark.parametrize(
    "backend", [*LIGHT, *(pytest.param(b, marks=pytest.mark.slow) for b in HEAVY)]
)
@pytest.mark.timeout(900)
def test_it_computes_what_numpy_computes(backend, model, tmp_path):
    images, outputs, _ = run(backend, model, tmp_path)
    for image, given in zip(images, outputs, strict=True):
        assert given.keys() == {"out.tanh", "m"}
        for name, true in expected(image).items():
            assert given[name].dtype == np.float32
            np.testing.assert_allclose(given[name], true, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino", "opencv"])
def test_values_have_the_names_of_the_model_alone(backend, tmp_path):
    """Casts and reshapes that change nothing: a runtime finds several values to be one, which is one
    input, and one output."""
    shape = numpy_helper.from_array(np.array([2, 3]), "shape")
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["x"], ["a/cast"], to=TensorProto.FLOAT),
            helper.make_node("Relu", ["a/cast"], ["between"]),
            helper.make_node("Reshape", ["between", "shape"], ["again"]),
            helper.make_node("Reshape", ["again", "shape"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])],
        [shape],
    )
    opset = helper.make_opsetid("", 21)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=10), tmp_path / "m.onnx")
    array = RNG.standard_normal((2, 3)).astype(np.float32)
    write_tensors(tmp_path / "in", {"x": array})
    with open_runner(parse(backend), scratch=tmp_path, timeout=300) as opened:
        opened.load(tmp_path / "m.onnx")
        opened.run([str(tmp_path / "in")], [str(tmp_path / "out")])
    given = read_tensors(tmp_path / "out")
    assert given.keys() == {"y"}
    np.testing.assert_array_equal(given["y"], np.maximum(array, 0))


def test_where_the_nodes_run(model, tmp_path, monkeypatch):
    """ONNX Runtime says so itself; all are on the provider that was asked for."""
    (tmp_path / "profiles").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "profiles"))
    _, _, plain = run("onnxruntime", model, tmp_path)
    _, _, other = run("onnxruntime:openvino", model, tmp_path)
    count = len(onnx.load(model).graph.node)
    assert plain["placement"] == {"CPUExecutionProvider": count}
    assert other["placement"] == {"OpenVINOExecutionProvider": count}
    nothing = {"count": 0, "bytes": 0}
    assert (plain["copies"], other["copies"]) == (None, {"to_device": nothing, "to_host": nothing})
    assert not list((tmp_path / "profiles").glob("interop-*"))


def test_no_silent_fall_back(tmp_path):
    """OpenVINO's provider has no Det: ONNX Runtime would run that by itself, and say nothing."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Det", ["x"], ["y"], name="the det")], "g",
        [value("x", TensorProto.FLOAT, [4, 4])], [value("y", TensorProto.FLOAT, [])],
    )  # fmt: skip
    opset = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "m.onnx")
    with open_runner(parse("onnxruntime:cpu"), scratch=tmp_path) as plain:
        plain.load(tmp_path / "m.onnx")
    refused = pytest.raises(UnsupportedOperator, match=r"processor would run 'the det' \(Det\)")
    with open_runner(parse("onnxruntime:openvino"), scratch=tmp_path) as opened, refused:
        opened.load(tmp_path / "m.onnx")


def test_what_is_copied_between_providers(tmp_path):
    """ONNX Runtime's own copies, in a graph that has them written in: 1 up, 2 down, of 12 bytes each."""
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("MemcpyFromHost", ["a"], ["b"]),
        helper.make_node("Sin", ["b"], ["c"]),
        helper.make_node("MemcpyToHost", ["c"], ["y"]),
        helper.make_node("MemcpyToHost", ["b"], ["z"]),
    ]
    graph = helper.make_graph(
        nodes, "g", [value("x", TensorProto.FLOAT, [3])],
        [value(name, TensorProto.FLOAT, [3]) for name in "yz"],
    )  # fmt: skip
    opset = [helper.make_opsetid("", 20)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    options = ort.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = str(tmp_path / "profile")
    session = ort.InferenceSession(model.SerializeToString(), options, providers=[PROCESSOR])
    session.run(None, {"x": np.ones(3, np.float32)})
    assert copies(Path(session.end_profiling()).read_text()) == {
        "to_device": {"count": 1, "bytes": 12},
        "to_host": {"count": 2, "bytes": 24},
    }


def test_sizes_may_be_left_to_the_processor(tmp_path):
    """CUDA's provider leaves them there, which is no fall back; of another device, or of anything else,
    it is."""
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Shape", ["x"], ["s"], name="size"),
        helper.make_node("Gather", ["s", "zero"], ["n"], name="pick"),
        helper.make_node("Det", ["x"], ["d"], name="det"),
    ]
    graph = helper.make_graph(
        nodes, "g", [value("x", TensorProto.FLOAT, ["n", 4, 4])],
        [value("d", TensorProto.FLOAT, ["n"]), value("n", TensorProto.INT64, [])],
        [numpy_helper.from_array(np.array(0), "zero")],
    )  # fmt: skip
    opset = [helper.make_opsetid("", 20)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    options = ort.SessionOptions()
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    session = ort.InferenceSession(model.SerializeToString(), options, providers=[PROCESSOR])
    assert placement(session) == {PROCESSOR: 3}
    assert fallen(session, "cuda") == ["'det' (Det)"]
    assert len(fallen(session, "openvino")) == 3


@pytest.mark.parametrize(("backend", "bits"), [("ort:cpu:fp16", 11), ("ort:cpu:int8", 7)])
def test_a_model_made_in_another_precision(backend, bits, model, tmp_path):
    """By ONNX Runtime's tools: as coarse as that precision, and no coarser."""
    images, outputs, _ = run(backend, model, tmp_path, calibration="own")
    mean = expected(images[1])["m"]
    error = np.max(np.abs(outputs[1]["m"] - mean)) / np.max(np.abs(mean))
    assert 2.0 ** -(bits + 6) < error < 2.0 ** -(bits - 3)


def openvino_is_capable_of(folder):
    """As OpenVINO itself says."""
    script = folder / "able.py"
    script.write_text(
        "import openvino\n"
        "print(*openvino.Core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES'))\n"
    )
    python = provide("openvino").interpreter
    done = subprocess.run([python, script], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(("backend", "bits"), [("openvino:cpu:bf16", 8), ("openvino:cpu:fp16", 11)])
def test_a_narrow_precision_is_that_or_nothing(backend, bits, model, tmp_path):
    """A processor without it would be given another, silently: that is refused."""
    able = openvino_is_capable_of(tmp_path)
    if backend.rpartition(":")[2].upper() not in able:
        with pytest.raises(EnvironmentUnavailable, match="this processor has no") as refused:
            run(backend, model, tmp_path)
        assert all(word in refused.value.hint for word in able)
        return
    images, outputs, _ = run(backend, model, tmp_path)
    mean = expected(images[1])["m"]
    error = np.max(np.abs(outputs[1]["m"] - mean)) / np.max(np.abs(mean))
    assert 2.0 ** -(bits + 6) < error < 2.0 ** -(bits - 2)


@pytest.mark.slow
def test_int8_is_calibrated(model, tmp_path):
    refused = pytest.raises(UsageError, match="needs inputs to calibrate")
    with open_runner(parse("tflite:cpu:int8"), scratch=tmp_path) as opened, refused:
        opened.load(model)
    images, outputs, _ = run("tflite:cpu:int8", model, tmp_path, calibration="own")
    error = np.max(np.abs(outputs[1]["out.tanh"] - expected(images[1])["out.tanh"]))
    assert 1e-4 < error < 0.1


def test_an_artifact_is_built_once(model, tmp_path, monkeypatch):
    lower, made = targets.lower, []

    def counted(graph, framework, folder, **options):
        made.append(folder)
        return lower(graph, framework, folder, **options)

    monkeypatch.setattr(targets, "lower", counted)
    other = tmp_path / "other.onnx"
    proto = onnx.load(model)
    weight = next(tensor for tensor in proto.graph.initializer if tensor.dims == [4, 5])
    weight.CopyFrom(numpy_helper.from_array(WEIGHT * 2, weight.name))
    onnx.save(proto, other)
    for file, count in ((model, 1), (model, 1), (other, 2)):
        with open_runner(parse("jax"), scratch=tmp_path) as opened:
            opened.load(file)
        assert len(made) == count


def test_versions_of_one_runtime_are_two_environments(model, tmp_path):
    """onnxruntime@1.30 has one of its own, made on first use; its outputs are of the same function."""
    images, outputs, facts = run("onnxruntime@1.30", model, tmp_path)
    assert facts["runtime"].startswith("onnxruntime 1.30.")
    np.testing.assert_allclose(outputs[0]["m"], expected(images[0])["m"], rtol=1e-5, atol=1e-6)
    _, _, pinned = run("onnxruntime", model, tmp_path)
    assert pinned["runtime"] != facts["runtime"]


def test_what_cannot_be_run(model, tmp_path):
    """A call before a model is loaded, and a file that is no model, are errors that say so."""
    with open_runner(parse("ort"), scratch=tmp_path) as opened:
        with pytest.raises(UsageError, match="no model is loaded on onnxruntime:cpu"):
            opened.run([], [])
        with pytest.raises(InteropError, match="does not exist"):
            opened.load(tmp_path / "absent.onnx")
