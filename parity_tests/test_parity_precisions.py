"""Floors of narrower precisions, against what others compute in them: ONNX Runtime's own float16
and int8 models, and torch in bfloat16 and float16."""

from __future__ import annotations

import copy
import functools
import logging
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from interop.converters.onnxruntime import variants
from onnx import TensorProto, helper, numpy_helper
from onnx.helper import make_node as node
from onnxruntime.quantization import CalibrationDataReader, quantize_static
from onnxruntime.transformers.float16 import convert_float_to_float16

from interop.errors import UnsupportedOperator, UsageError
from interop.parity.floor.emulate import emulate
from interop.parity.floor.narrow import LazyFloors
from interop.parity.floor.precisions import (
    BFLOAT16,
    FLOAT8,
    FLOAT16,
    FLOAT32,
    INT8,
    PRECISIONS,
    TF32,
    UNASKED,
    Precision,
    precision_named,
)
from interop.parity.floor.rounding import to_grid, to_scaled_grid
from interop.parity.floor.runs import floor_runs, operand_axes, perturbable
from interop.parity.floor.session import Session, skeleton
from interop.parity.truth.evaluator import Truth
from interop.parity.verdict.compare import OutputParity, Verdict, compare_outputs
from interop.workers.tensors import read_tensors, write_tensors

RNG = np.random.default_rng
Array = np.ndarray
NARROW = [p for p in PRECISIONS if p is not FLOAT32]


def network(nodes, weights, inputs, outputs):
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


@functools.cache
def convolutional() -> tuple[onnx.ModelProto, dict[str, Array], Array]:
    """The twin of guests/torch_narrow.py, its weights and an input."""
    rng = RNG(0)
    shapes = {"k1": (16, 3, 3, 3), "k2": (24, 16, 3, 3), "w1": (64, 24 * 49), "w2": (100, 64)}
    weights = {}
    for number, (name, shape) in enumerate(shapes.items()):
        fan = int(np.prod(shape[1:]))
        weights[name] = (rng.standard_normal(shape) * (2 / fan) ** 0.5).astype(np.float32)
        bias = ("c1", "c2", "b1", "b2")[number]
        weights[bias] = (rng.standard_normal(shape[0]) * 0.1).astype(np.float32)
    nodes = [
        node("Conv", ["x", "k1", "c1"], ["h1"], pads=[1] * 4),
        node("Relu", ["h1"], ["r1"]),
        node("Conv", ["r1", "k2", "c2"], ["h2"], strides=[2, 2]),
        node("Relu", ["h2"], ["r2"]),
        node("Flatten", ["r2"], ["f"]),
        node("Gemm", ["f", "w1", "b1"], ["h3"], transB=1),
        node("Relu", ["h3"], ["r3"]),
        node("Gemm", ["r3", "w2", "b2"], ["y"], transB=1),
    ]
    model = network(nodes, weights, {"x": ["n", 3, 16, 16]}, {"y": ["n", 100]})
    return model, weights, rng.standard_normal((6, 3, 16, 16)).astype(np.float32)


def execute(model: onnx.ModelProto, x: Array) -> dict[str, Array]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return dict(zip([o.name for o in model.graph.output], session.run(None, {"x": x}), strict=True))


@functools.cache
def floors() -> tuple[dict[str, Array], LazyFloors]:
    model, _, x = convolutional()
    truth = Truth(model).run({"x": x})
    return truth, LazyFloors(model, {"x": x}, truth, threads=1)


def judged(candidate: Array, precision: Precision) -> OutputParity:
    truth, known = floors()
    (parity,) = compare_outputs(truth, {"y": candidate}, known(precision), floors=known)
    return parity


# --- numbers on grids -------------------------------------------------------------------------

SAMPLE = np.concatenate(
    [RNG(0).standard_normal(4000), RNG(1).standard_normal(500) * 1e-6, [0, 1, -3, np.inf, np.nan]]
).astype(np.float32)


def test_float16_and_bfloat16_are_those_of_numpy() -> None:
    for precision, dtype in ((FLOAT16, np.float16), (BFLOAT16, ml_dtypes.bfloat16)):
        np.testing.assert_array_equal(
            to_grid(SAMPLE, precision, None), SAMPLE.astype(dtype).astype(np.float32)
        )


def test_tf32_keeps_eleven_bits_to_nearest() -> None:
    rounded = to_grid(SAMPLE, TF32, None)
    finite = np.isfinite(SAMPLE)
    assert not np.any(rounded.view(np.uint32)[finite] & 0x1FFF)
    fraction, _ = np.frexp(SAMPLE[finite].astype(np.float64))
    exact = np.ldexp(np.rint(np.ldexp(fraction, 11)), -11)  # nearest, to even, in double
    np.testing.assert_array_equal(np.frexp(rounded[finite])[0] % 0.5, exact % 0.5)


@pytest.mark.parametrize("precision", [TF32, FLOAT16, BFLOAT16])
def test_stochastic_rounding_has_no_bias_and_stays_within_a_unit(precision: Precision) -> None:
    value = np.full(200_000, 1.2345678, dtype=np.float32)
    drawn = to_grid(value, precision, RNG(3)).astype(np.float64)
    unit = 2.0 ** (1 - precision.bits)
    assert len(np.unique(drawn)) == 2
    assert np.ptp(drawn) == unit
    assert abs(drawn.mean() - value[0].astype(np.float64)) < 0.01 * unit
    exact = np.array([0.5, 3.0, -8.0], np.float32)
    np.testing.assert_array_equal(to_grid(exact, precision, RNG(0)), exact)


def test_float8_is_that_of_its_package() -> None:
    for largest in (1.0, 3e-3, 7e4):
        array = RNG(0).standard_normal(3000).astype(np.float32)
        array *= np.float32(largest) / np.abs(array).max()
        scale = np.float32(np.abs(array).max() / np.float32(448))
        steps = (array / scale).astype(ml_dtypes.float8_e4m3fn).astype(np.float32)
        given = to_scaled_grid(array, FLOAT8, None, None)
        np.testing.assert_allclose(given, steps * scale, rtol=1e-6)
        assert np.abs(given).max() == pytest.approx(largest)
        drawn = to_scaled_grid(array, FLOAT8, None, RNG(1))
        on_grid = EIGHT_BITS[
            np.searchsorted(EIGHT_BITS, np.abs(drawn / scale) * np.float32(1 - 1e-6))
        ]
        np.testing.assert_allclose(np.abs(drawn / scale), on_grid, rtol=1e-5)
        assert abs(float(np.mean(drawn - array))) < 0.01 * largest


#: All numbers of float8 (E4M3), without their signs.
EIGHT_BITS = np.arange(127, dtype=np.uint8).view(ml_dtypes.float8_e4m3fn).astype(np.float32)


def test_int8_has_255_values_a_channel() -> None:
    array = RNG(0).standard_normal((4, 900)).astype(np.float32) * [[1e-3], [1], [10], [0]]
    for rng in (None, RNG(1)):
        grid = to_scaled_grid(array.astype(np.float32), INT8, 0, rng)
        steps = np.abs(array).max(axis=1, keepdims=True) / 127
        assert all(np.unique(row).size <= 255 for row in grid)
        limit = 0.5 if rng is None else 1.0
        assert np.all(np.abs(grid - array) <= steps * (limit + 1e-4))
    assert (
        np.max(np.abs(to_scaled_grid(array.astype(np.float32), INT8, None, None)[0])) == 0
    )  # drowned


def test_names() -> None:
    assert precision_named("fp16") is precision_named("float16") is FLOAT16
    with pytest.raises(UsageError, match="float7"):
        precision_named("float7")


# --- what the graph rounds --------------------------------------------------------------------


def emulated(model: onnx.ModelProto, precision: Precision, feeds: dict, level: str) -> Array:
    """The one output of the emulation with plain weights, at an optimisation level."""
    weights = perturbable(model)
    axes = operand_axes(model, weights) if precision in (TF32, INT8, FLOAT8) else {}
    made = emulate(skeleton(model, weights), precision, frozenset(axes))
    arrays = {n: numpy_helper.to_array(t) for n, t in weights.items()}
    if made.ranges is not None:
        arrays.update(Session(made.ranges).run({**arrays, **feeds}))
    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    session = ort.InferenceSession(
        made.model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = {value.name for value in session.get_inputs()}
    given = {n: a for n, a in {**arrays, **feeds}.items() if n in names}
    return session.run(None, given)[0]


@pytest.mark.parametrize("level", ["ORT_DISABLE_ALL", "ORT_ENABLE_ALL"])
@pytest.mark.parametrize("precision", NARROW, ids=lambda p: p.name)
def test_no_optimisation_takes_a_rounding_away(precision: Precision, level: str) -> None:
    """A product with the identity gives back its other operand: rounded, or nothing was."""
    model = network(
        [node("MatMul", ["x", "one"], ["m"]), node("Mul", ["m", "f"], ["y"])],
        {"one": np.eye(32, dtype=np.float32), "f": np.float32(1)},
        {"x": ["n", 32]},
        {"y": ["n", 32]},
    )
    x = RNG(0).standard_normal((8, 32)).astype(np.float32)
    y = emulated(model, precision, {"x": x}, level)
    scaled = precision.largest is not None
    want = to_scaled_grid(x, precision, None, None) if scaled else to_grid(x, precision, None)
    np.testing.assert_allclose(y, want, rtol=1e-6 if scaled else 0)
    assert not np.array_equal(y, x)


def scanned() -> onnx.ModelProto:
    """A state that is multiplied by a matrix at each step."""
    state, step = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [2, 8]) for n in ("s", "e"))
    body = helper.make_graph(
        [
            node("Add", ["s", "e"], ["sum"]),
            node("MatMul", ["sum", "w"], ["product"]),
            node("Tanh", ["product"], ["new"]),
            node("Identity", ["new"], ["seen"]),
        ],
        "body",
        [state, step],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, [2, 8]) for n in ("new", "seen")],
    )
    w = RNG(1).standard_normal((8, 8)).astype(np.float32)
    return network(
        [node("Scan", ["s0", "x"], ["last", "y"], body=body, num_scan_inputs=1)],
        {"w": w, "s0": np.zeros((2, 8), np.float32)},
        {"x": [5, 2, 8]},
        {"y": [5, 2, 8]},
    )


def recurrent() -> onnx.ModelProto:
    weights = {
        n: (RNG(3).standard_normal(s) * 0.4).astype(np.float32)
        for n, s in {"W": (1, 32, 8), "R": (1, 32, 8), "B": (1, 64)}.items()
    }
    lstm = node("LSTM", ["x", "W", "R", "B"], ["", "h"], hidden_size=8, name="lstm")
    model = network([lstm, node("Identity", ["h"], ["y"])], weights, {"x": [5, 2, 8]}, {"y": None})
    return onnx.shape_inference.infer_shapes(model)


@pytest.mark.parametrize("make", [scanned, recurrent])
@pytest.mark.parametrize("precision", NARROW, ids=lambda p: p.name)
def test_bodies_and_states_are_rounded(make, precision: Precision) -> None:
    """The error is that of rounding at every step, and of no other size."""
    model, x = make(), RNG(2).standard_normal((5, 2, 8)).astype(np.float32)
    truth = Truth(model).run({"x": x})["y"]
    runs = [o["y"] for _, _, o in floor_runs(model, {"a": {"x": x}}, precision=precision)]
    errors = [np.sqrt(np.mean((run - truth) ** 2) / np.mean(truth**2)) for run in runs]
    bits = -np.log2(errors)
    assert np.all(bits < precision.bits + 2), bits
    assert np.all(bits > precision.bits - 4), bits
    assert len(set(errors)) == len(errors)  # every run has drawn its own


def test_settings_are_not_rounded() -> None:
    model = network(
        [node("Add", ["x", "x"], ["d"]), node("Clip", ["d", "low"], ["y"])],
        {"low": np.float32(0.1)},
        {"x": [4]},
        {"y": [4]},
    )
    y = emulated(model, BFLOAT16, {"x": -np.ones(4, np.float32)}, "ORT_DISABLE_ALL")
    np.testing.assert_array_equal(y, np.float32(0.1).astype(ml_dtypes.bfloat16).astype(np.float32))
    made = emulate(skeleton(model, perturbable(model)), BFLOAT16, frozenset())
    (clip,) = [n for n in made.model.graph.node if n.op_type == "Clip"]
    assert clip.input[1] == "low"


def test_a_type_that_is_not_known_is_named() -> None:
    bare = network([node("Magic", ["x"], ["m"], domain="other", name="magic")], {}, {"x": [1]}, {})
    bare.opset_import.append(helper.make_opsetid("other", 1))
    with pytest.raises(UnsupportedOperator, match="magic"):
        emulate(bare, FLOAT16, frozenset())


# --- others' narrow runs ----------------------------------------------------------------------


def in_float16(model: onnx.ModelProto) -> onnx.ModelProto:
    """By ONNX Runtime's own converter; its CPU rounds after each operator."""
    return convert_float_to_float16(copy.deepcopy(model), keep_io_types=True)


class _Once(CalibrationDataReader):
    def __init__(self, x: Array) -> None:
        self.left = [{"x": x}]

    def get_next(self):
        return self.left.pop() if self.left else None


def in_int8(model: onnx.ModelProto, x: Array, folder: Path, per_channel: bool) -> onnx.ModelProto:
    logging.getLogger().setLevel(logging.ERROR)  # it advises, at each call, to preprocess
    onnx.save(model, folder / "plain.onnx")
    quantize_static(folder / "plain.onnx", folder / "int8.onnx", _Once(x), per_channel=per_channel)
    return onnx.load(folder / "int8.onnx")


def test_onnxruntimes_float16_is_faithful_in_float16() -> None:
    model, _, x = convolutional()
    y = execute(in_float16(model), x)["y"]
    parity = judged(y, FLOAT16)
    assert parity.verdict is Verdict.FAITHFUL, parity
    assert 9 <= parity.effective_bits <= parity.bits == 11
    low, high = parity.interval
    assert low <= parity.effective_bits <= high <= 11
    other = judged(y, FLOAT32)
    assert not other.verdict.passes
    assert FLOAT16 in [fit.precision for fit in other.consistency.tried if fit.fits], other


@pytest.mark.parametrize("per_channel", [False, True])
def test_onnxruntimes_int8_is_faithful_in_int8(tmp_path: Path, per_channel: bool) -> None:
    model, _, x = convolutional()
    y = execute(in_int8(model, x, tmp_path, per_channel), x)["y"]
    parity = judged(y, INT8)
    assert parity.verdict is Verdict.FAITHFUL, parity
    assert parity.bits < 8
    assert not judged(y, FLOAT16).verdict.passes
    assert judged(y, FLOAT32).consistency.best is INT8


def test_a_model_in_float8_is_faithful_in_float8(tmp_path: Path) -> None:
    """As TensorRT takes it. ONNX Runtime runs it as it stands: its later optimisations take the
    Quantize and Dequantize around an operator for those of int8."""
    model, _, x = convolutional()
    onnx.save(model, tmp_path / "plain.onnx")
    write_tensors(tmp_path / "in", {"x": x})
    variants.make_variant(
        str(tmp_path / "plain.onnx"), str(tmp_path / "fp8.onnx"), "fp8", [str(tmp_path / "in")]
    )
    made = onnx.load(tmp_path / "fp8.onnx")
    kinds = [tensor.data_type for tensor in made.graph.initializer]
    assert kinds.count(TensorProto.FLOAT8E4M3FN) > 4
    assert TensorProto.INT8 not in kinds
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    session = ort.InferenceSession(tmp_path / "fp8.onnx", options)
    (y,) = session.run(None, {"x": x})
    parity = judged(y, FLOAT8)
    assert parity.verdict is Verdict.FAITHFUL, parity
    assert 1 < parity.bits < 5
    assert not judged(y, FLOAT16).verdict.passes
    (spoilt,) = (tensor for tensor in made.graph.initializer if tensor.name == "w2_scale")
    spoilt.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(spoilt)[::-1].copy(), "w2_scale"))
    session = ort.InferenceSession(made.SerializeToString(), options)
    assert not judged(session.run(None, {"x": x})[0], FLOAT8).verdict.passes


@pytest.mark.parametrize(("dtype", "precision"), [("bfloat16", BFLOAT16), ("float16", FLOAT16)])
def test_torchs_narrow_floats(
    open_worker, tmp_path: Path, dtype: str, precision: Precision
) -> None:
    _, weights, x = convolutional()
    write_tensors(tmp_path / "weights", weights)
    write_tensors(tmp_path / "in", {"x": x})
    folders = {
        "weights": tmp_path / "weights",
        "inputs": tmp_path / "in",
        "outputs": tmp_path / "out",
    }
    worker = open_worker("torch", "torch_narrow")
    worker.call("run_narrow", dtype=dtype, **{n: str(f) for n, f in folders.items()})
    y = read_tensors(tmp_path / "out")["y"]
    parity = judged(y, precision)
    assert parity.verdict is Verdict.FAITHFUL, parity
    assert judged(y, FLOAT32).consistency.best is precision
    if precision is BFLOAT16:  # and whoever says float16 and computes in bfloat16 is found out
        found = judged(y, FLOAT16)
        assert found.verdict is Verdict.REDUCED_PRECISION
        assert found.consistency.best is BFLOAT16


def test_tf32_products_are_told_from_float16() -> None:
    """Layer by layer in double, each product of operands that keep eleven bits."""
    model, weights, x = convolutional()

    def tf32(array: Array) -> Array:
        return to_grid(np.ascontiguousarray(array, dtype=np.float32), TF32, None)

    hidden = x
    for layer in model.graph.node:
        known = {n: tf32(weights[n]) if n[0] in "kw" else weights[n] for n in layer.input[1:]}
        one = network([layer], known, {layer.input[0]: None}, {layer.output[0]: None})
        entry = tf32(hidden) if known else hidden
        (hidden,) = Truth(one).run({layer.input[0]: entry}).values()
    y = hidden.astype(np.float32)
    assert judged(y, TF32).verdict is Verdict.FAITHFUL
    assert judged(y, FLOAT32).consistency.best is TF32


def test_a_wrong_constant_is_consistent_with_nothing() -> None:
    """As large an error as float16's, but elsewhere: a bias that was scaled."""
    model, _, x = convolutional()
    wrong = copy.deepcopy(model)
    (bias,) = [t for t in wrong.graph.initializer if t.name == "c2"]
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) * np.float32(1.01), "c2"))
    parity = judged(execute(wrong, x)["y"], FLOAT32)
    assert parity.verdict is Verdict.REDUCED_PRECISION
    float16 = next(fit for fit in parity.consistency.tried if fit.precision is FLOAT16)
    assert 0.25 < float16.rms_ratio < 4, "the fault should be as large as float16's rounding"
    assert parity.consistency.best is None
    assert "a constant or a weight differs" in parity.reason


def test_a_fault_is_a_fault_in_any_precision() -> None:
    model, _, x = convolutional()
    wrong = copy.deepcopy(model)
    (kernel,) = [t for t in wrong.graph.initializer if t.name == "k1"]
    flipped = np.ascontiguousarray(numpy_helper.to_array(kernel)[:, :, ::-1])
    kernel.CopyFrom(numpy_helper.from_array(flipped, "k1"))
    y = execute(wrong, x)["y"]
    for precision in PRECISIONS:
        assert not judged(y, precision).verdict.passes, precision


def test_the_floors_of_others_are_measured_only_for_the_unfaithful() -> None:
    model, _, x = convolutional()
    truth, known = floors()
    asked = []

    def ask(precision: Precision):
        asked.append(precision)
        return known(precision)

    good = execute(model, x)
    (parity,) = compare_outputs(truth, good, known(FLOAT32), floors=ask)
    assert parity.verdict.passes
    assert asked == []
    compare_outputs(truth, {"y": good["y"] * np.float32(1.001)}, known(FLOAT32), floors=ask)
    assert asked == list(UNASKED)


def test_outputs_may_come_in_the_declared_type() -> None:
    model, _, x = convolutional()
    narrow = execute(in_float16(model), x)["y"].astype(np.float16)
    assert judged(narrow, FLOAT16).verdict is Verdict.FAITHFUL
    assert judged(narrow, FLOAT32).verdict is Verdict.NOT_COMPARABLE
    assert judged(narrow, BFLOAT16).verdict is Verdict.NOT_COMPARABLE
