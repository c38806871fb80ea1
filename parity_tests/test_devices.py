"""Devices of the frameworks that models are converted into, as far as a machine without one tells."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from interop.backends import open_runner, parse, runner
from interop.bench.clocks import DEVICE, HOST, clocks
from interop.checks.attempts import Attempt
from interop.checks.homes import place_of
from interop.doctor import Gpu
from interop.environments import provide
from interop.errors import EnvironmentUnavailable
from interop.parity.floor.precisions import FLOAT32, TF32
from interop.workers import Worker
from interop.workers.tensors import read_tensors, write_tensors

WEIGHT = np.random.default_rng(0).standard_normal((8, 5)).astype(np.float32)


@pytest.fixture(name="model")
def one_product(tmp_path):
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
        [value("x", TensorProto.FLOAT, ["n", 8])], [value("y", TensorProto.FLOAT, ["n", 5])],
        [numpy_helper.from_array(WEIGHT, "w")],
    )  # fmt: skip
    opset = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


def test_products_on_cuda_are_what_is_said(open_worker):
    """torch itself would take TF32 for convolutions, unasked."""
    worker = open_worker("torch", "torch_devices")
    for precision, coarse in (("tf32", True), ("fp32", False)):
        found = worker.call("products", precision=precision)
        assert found == {"matmul": coarse, "cudnn": coarse}


def test_a_program_moves_with_what_it_makes_up_itself(open_worker):
    worker = open_worker("torch", "torch_devices")
    assert worker.call("move_to_meta", moving=True) == {"device": "meta", "shape": [2, 4]}
    assert "error" in worker.call("move_to_meta", moving=False)


@pytest.mark.parametrize(
    ("framework", "says"), [("torch", "is built for processors"), ("jax", "finds no cuda device")]
)
def test_a_build_without_cuda_says_so(framework, says, model, tmp_path):
    """Where the machine has a device, and the environment is not for it."""
    home = provide(framework)
    if any("cuda" in name or "nvidia" in name for name in home.packages):
        pytest.skip(f"{framework} is built for CUDA here")
    with (
        Worker(
            home.interpreter, f"interop.converters.{framework}.guest", label="x", timeout=100
        ) as w,
        pytest.raises(EnvironmentUnavailable, match=says) as refused,
    ):
        w.call("load", path=str(tmp_path / "model"), device="cuda", precision="tf32")
    assert f"INTEROP_ENVIRONMENT_{framework.upper()}" in refused.value.hint


@pytest.mark.parametrize("backend", ["torch:cpu", "jax:cpu"])
def test_the_two_clocks_of_a_converted_model(backend, model, tmp_path):
    """Each is asked of the worker by an operation of its own; on a processor they read alike."""
    write_tensors(tmp_path / "in", {"x": np.ones((2, 8), np.float32)})
    with open_runner(parse(backend), scratch=tmp_path) as opened:
        opened.load(model)
        for resident in (False, True):
            seconds = opened.time(str(tmp_path / "in"), 5, 2, resident=resident)
            assert len(seconds) == 5
            assert all(0 < one < 10 for one in seconds)


def test_whose_tensors_can_stay_where_they_are():
    assert clocks([parse("torch:cpu"), parse("jax:cpu")]) == (HOST,)
    for text in ("torch:cuda", "jax:cuda", "torch-compile:cuda", "ort:cuda", "trt", "trt-rtx"):
        assert clocks([parse("torch:cpu"), parse(text)]) == (HOST, DEVICE)


def test_tf32_is_held_to_its_own_floor():
    for text in ("torch:cuda:tf32", "jax:cuda:tf32", "trt-rtx:cuda:tf32"):
        assert Attempt(text, "backend").precision is TF32
    assert Attempt("torch:cuda", "backend").precision is FLOAT32


def test_a_processor_and_a_device_of_one_framework(tmp_path, monkeypatch):
    """One environment, and yet the device is asked for by itself."""
    assert place_of(parse("torch:cpu")) != place_of(parse("torch:cuda"))
    assert place_of(parse("torch:cpu")) == place_of(parse("torch-compile:cpu"))
    monkeypatch.setattr(runner, "find_gpu", lambda: Gpu((), None, "no NVIDIA driver is installed"))
    for text in ("torch:cuda", "jax:cuda:tf32", "torch-compile:cuda"):
        with pytest.raises(EnvironmentUnavailable, match="needs an NVIDIA GPU: no NVIDIA driver"):
            open_runner(parse(text), scratch=tmp_path)


@pytest.mark.slow
def test_compiled_by_torch(model, tmp_path):
    rows = np.random.default_rng(1).standard_normal((2, 8)).astype(np.float32)
    write_tensors(tmp_path / "in", {"x": rows})
    with open_runner(parse("torch.compile"), scratch=tmp_path, timeout=300) as opened:
        opened.load(model)
        opened.run([str(tmp_path / "in")], [str(tmp_path / "out")])
    true = rows.astype(np.float64) @ WEIGHT
    np.testing.assert_allclose(read_tensors(tmp_path / "out")["y"], true, rtol=1e-5, atol=1e-6)


def test_no_compiler(model, tmp_path):
    without = {"CXX": "no-such-compiler"}
    with (
        open_runner(parse("torch-compile"), scratch=tmp_path, variables=without) as opened,
        pytest.raises(EnvironmentUnavailable, match="there is no no-such-compiler") as refused,
    ):
        opened.load(model)
    assert "CXX" in refused.value.hint
