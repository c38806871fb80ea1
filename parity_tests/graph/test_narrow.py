"""Narrow types held in wider ones: ml_dtypes says what every number becomes, ONNX Runtime computes it."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from interop.graph.canonical import canonicalize, save
from interop.graph.expand import expand
from interop.graph.narrow import hold_narrow
from interop.source.printer import NotLowered

#: Every number of float16, and of float32 those beyond its range and between its smallest.
NUMBERS = np.concatenate([
    np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float32),
    np.float32([1e9, -1e9, 3e38, 2.0**-20, 1.5 * 2.0**-17, 464.1, 57344 + 4096.1]),
])  # fmt: skip


def _held(tmp_path, nodes, inputs, output):
    """The model with its narrow types held, as an ONNX Runtime session."""
    model = helper.make_model(
        helper.make_graph(
            nodes, "g", [helper.make_tensor_value_info(n, t, ["n"]) for n, t in inputs.items()],
            [helper.make_tensor_value_info("y", output, ["n"])],
        ),
        opset_imports=[helper.make_opsetid("", 25)], ir_version=11,
    )  # fmt: skip
    onnx.save(model, tmp_path / "m.onnx")
    canonical = canonicalize(tmp_path / "m.onnx")
    hold_narrow(canonical, ())
    like = {n.name for n in canonical.graph if n.op_type == "CastLike"}
    save(expand(canonical, like)[0], tmp_path / "held.onnx")
    return onnxruntime.InferenceSession(tmp_path / "held.onnx", providers=["CPUExecutionProvider"])


def _cast(tmp_path, to, numbers, **attributes):
    node = helper.make_node("Cast", ["x"], ["y"], to=to, **attributes)
    return _held(tmp_path, [node], {"x": TensorProto.FLOAT}, to).run(None, {"x": numbers})[0]


@pytest.mark.parametrize("kind", ["e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz"])
@pytest.mark.parametrize("saturate", [0, 1])
def test_floats_of_eight_bits(kind, saturate, tmp_path):
    dtype = getattr(ml_dtypes, f"float8_{kind}")
    got = _cast(tmp_path, getattr(TensorProto, f"FLOAT8{kind.upper()}"), NUMBERS, saturate=saturate)
    largest = float(ml_dtypes.finfo(dtype).max)
    kept = np.clip(NUMBERS, -largest, largest) if saturate else NUMBERS
    with np.errstate(all="ignore"):
        wanted = kept.astype(dtype).astype(np.float16)
    np.testing.assert_array_equal(got, wanted)


def test_float_of_four_bits(tmp_path):
    numbers = NUMBERS[~np.isnan(NUMBERS)]
    got = _cast(tmp_path, TensorProto.FLOAT4E2M1, numbers)
    wanted = numbers.astype(ml_dtypes.float4_e2m1fn).astype(np.float16)
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("name", ["int4", "uint4", "int2", "uint2"])
def test_whole_numbers(name, tmp_path):
    numbers = np.arange(-40, 40, 0.25, dtype=np.float32)
    got = _cast(tmp_path, getattr(TensorProto, name.upper()), numbers)
    wanted = numbers.astype(np.int8).astype(getattr(ml_dtypes, name)).astype(got.dtype)
    np.testing.assert_array_equal(got, wanted)


def test_powers_of_two(tmp_path):
    numbers = np.float32(2.0) ** np.arange(-100, 100, 0.25, dtype=np.float32)
    got = _cast(tmp_path, TensorProto.FLOAT8E8M0, numbers, round_mode="nearest")
    wanted = numbers.astype(ml_dtypes.float8_e8m0fnu).astype(np.float32)
    np.testing.assert_array_equal(got, wanted)
    up = _cast(tmp_path, TensorProto.FLOAT8E8M0, numbers, round_mode="up")
    down = _cast(tmp_path, TensorProto.FLOAT8E8M0, numbers, round_mode="down")
    assert np.all((down <= numbers) & (numbers <= up) & (up <= 2 * down))


def test_back_and_forth_by_a_quantised_type(tmp_path):
    """Quantised to int4 and back, with what stands between only moved."""
    zero = helper.make_tensor("z", TensorProto.INT4, [], [3])
    nodes = [
        helper.make_node("Constant", [], ["z"], value=zero),
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("Identity", ["q"], ["r"]),
        helper.make_node(
            "DequantizeLinear", ["r", "s", "z"], ["y"], output_dtype=TensorProto.FLOAT
        ),
    ]
    nodes.insert(0, helper.make_node("Constant", [], ["s"], value_float=0.5))
    numbers = np.linspace(-9, 9, 145, dtype=np.float32)
    session = _held(tmp_path, nodes, {"x": TensorProto.FLOAT}, TensorProto.FLOAT)
    wanted = (np.clip(np.round(numbers / 0.5) + 3, -8, 7) - 3) * 0.5
    np.testing.assert_array_equal(session.run(None, {"x": numbers})[0], wanted)


def test_bits_that_are_not_there_are_refused(tmp_path):
    nodes = [
        helper.make_node("Cast", ["x"], ["q"], to=TensorProto.FLOAT8E5M2, name="narrowed"),
        helper.make_node("BitCast", ["q"], ["y"], to=TensorProto.UINT8, name="bits"),
    ]
    model = helper.make_model(
        helper.make_graph(
            nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
            [helper.make_tensor_value_info("y", TensorProto.UINT8, ["n"])],
        ),
        opset_imports=[helper.make_opsetid("", 26)], ir_version=13,
    )  # fmt: skip
    onnx.save(model, tmp_path / "m.onnx")
    canonical = canonicalize(tmp_path / "m.onnx")
    with pytest.raises(NotLowered, match="'bits'"):
        hold_narrow(canonical, ())
    hold_narrow(canonical, ("FLOAT8E5M2",))
