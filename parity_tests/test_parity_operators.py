"""Our operators of the float64 evaluation against ONNX's own: on the cases of the ONNX standard,
on random cases over the attribute space, and where ONNX's are known to be wrong, ONNX Runtime."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper
from onnx.backend.test.case.node import collect_testcases
from onnx.reference import ReferenceEvaluator

from interop.errors import InvalidModel
from interop.parity.truth.evaluator import Truth
from interop.parity.truth.operators import OPERATORS
from interop.parity.truth.operators.elementwise import erf

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng


def single(op: str, inputs: dict[str, Array], outputs: int = 1, opset: int = 23, **attributes: Any):
    """A model of one node; an empty array stands for an input left out."""
    names = [name if array is not None else "" for name, array in inputs.items()]
    results = [f"out{i}" for i in range(outputs)]
    given = {name: array for name, array in inputs.items() if array is not None}
    graph = helper.make_graph(
        [helper.make_node(op, names, results, **attributes)],
        "single",
        [
            helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for n, a in given.items()
        ],
        [helper.make_value_info(r, onnx.TypeProto()) for r in results],
    )
    for index, result in enumerate(graph.output):
        integer = op == "MaxPool" and index == 1
        result.type.tensor_type.elem_type = 7 if integer else 1
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    return model, given


def ours(model: onnx.ModelProto, feeds: dict[str, Array]) -> list[Array]:
    return list(Truth(model).run(feeds).values())


def reference(model: onnx.ModelProto, feeds: dict[str, Array]) -> list[Array]:
    wide = {n: a.astype(np.float64) if a.dtype == np.float32 else a for n, a in feeds.items()}
    return ReferenceEvaluator(model).run(None, wide)


def runtime(model: onnx.ModelProto, feeds: dict[str, Array]) -> list[Array]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def agree(left: list[Array], right: list[Array], tolerance: float) -> None:
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def normal(*shape: int, seed: int = 0) -> Array:
    return RNG([seed, *shape]).standard_normal(shape).astype(np.float32)


# --- the cases of the ONNX standard -----------------------------------------------------------

_PREFIXES = {
    "AffineGrid": "test_affine_grid", "AveragePool": "test_averagepool", "Conv": "test_conv_",
    "ConvBasic": "test_basic_conv", "ConvTranspose": "test_convtranspose", "Erf": "test_erf",
    "GRU": "test_gru", "Gelu": "test_gelu", "GridSample": "test_gridsample",
    "GroupNorm": "test_group_normalization", "HardSwish": "test_hardswish", "LRN": "test_lrn",
    "LSTM": "test_lstm", "Loop": "test_loop1", "LpPool": "test_lppool", "MaxPool": "test_maxpool", "Scan": "test_scan9",
    "MVN": "test_mvn", "Mish": "test_mish", "RNN": "test_simple_rnn", "RNN2": "test_rnn",
    "Sigmoid": "test_sigmoid", "Softplus": "test_softplus", "Softmax": "test_softmax",
    "LayerNorm": "test_layer_normalization", "Attention": "test_attention_4d",
    "BatchNorm": "test_batchnorm_e", "Resize": "test_resize",
}  # fmt: skip


def standard_cases() -> list[Any]:
    """Of the operators above; not in training mode, and not "expanded" into others."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # making the cases overflows, on purpose
        found = collect_testcases(None)
    return [
        pytest.param(case, id=case.name)
        for case in found
        if case.name.startswith(tuple(_PREFIXES.values()))
        and "_expanded" not in case.name
        and "training_mode" not in case.name
    ]


@pytest.mark.parametrize("case", standard_cases())
def test_standard_case(case: Any) -> None:
    for inputs, expected in case.data_sets:
        names = [value.name for value in case.model.graph.input]
        outputs = ours(case.model, dict(zip(names, inputs, strict=True)))
        for got, want in zip(outputs, expected, strict=True):
            if isinstance(want, list):
                agree(got, want, 1e-6)
            elif np.issubdtype(got.dtype, np.floating):
                tolerance = {"float16": 2e-3, "bfloat16": 2e-2}.get(want.dtype.name, case.rtol)
                agree([got], [want.astype(np.float64)], tolerance)
            else:
                np.testing.assert_array_equal(got, want)


# --- the attribute space ----------------------------------------------------------------------

SPATIAL = {1: (11,), 2: (9, 7), 3: (5, 6, 4)}


def window_attributes(rank: int) -> Iterator[dict[str, Any]]:
    kernel = (3, 2, 2)[:rank]
    strides = [(1,) * rank, (2, 1, 2)[:rank], (3, 2, 1)[:rank]]
    dilations = [(1,) * rank, (2, 1, 2)[:rank]]
    pads = [(0,) * 2 * rank, (1, 0, 1)[:rank] + (0, 1, 1)[:rank]]
    for s, d, p in itertools.product(strides, dilations, pads):
        yield {"kernel_shape": kernel, "strides": s, "dilations": d, "pads": p}
    for auto in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        yield {"kernel_shape": kernel, "strides": strides[1], "auto_pad": auto}


@pytest.mark.parametrize("rank", SPATIAL)
@pytest.mark.parametrize(
    ("group", "channels", "filters"), [(1, 4, 6), (2, 4, 6), (4, 4, 4), (4, 4, 8)]
)
def test_conv(rank: int, group: int, channels: int, filters: int) -> None:
    for attributes in window_attributes(rank):
        inputs = {
            "X": normal(2, channels, *SPATIAL[rank]),
            "W": normal(filters, channels // group, *attributes["kernel_shape"]),
            "B": normal(filters),
        }
        model, feeds = single("Conv", inputs, group=group, **attributes)
        agree(ours(model, feeds), reference(model, feeds), 1e-12)


@pytest.mark.parametrize("rank", SPATIAL)
@pytest.mark.parametrize("group", [1, 2])
def test_conv_transpose(rank: int, group: int) -> None:
    """Against ONNX Runtime: ONNX's reference puts grouped channels in the wrong place."""
    for attributes in window_attributes(rank):
        extra = {"output_padding": tuple(s - 1 for s in attributes["strides"])}
        for more in ({}, extra):
            inputs = {
                "X": normal(2, 4, *SPATIAL[rank]),
                "W": normal(4, 3, *attributes["kernel_shape"]),
                "B": normal(3 * group),
            }
            model, feeds = single("ConvTranspose", inputs, group=group, **attributes, **more)
            agree(ours(model, feeds), runtime(model, feeds), 2e-5)
            if group == 1 and attributes.get("auto_pad") != "VALID":
                agree(ours(model, feeds), reference(model, feeds), 1e-12)


def test_conv_transpose_to_a_given_shape() -> None:
    inputs = {"X": normal(1, 2, 5, 5), "W": normal(2, 3, 3, 3)}
    for auto in ("NOTSET", "SAME_UPPER", "SAME_LOWER"):
        model, feeds = single(
            "ConvTranspose", inputs, strides=[2, 2], output_shape=[10, 9], auto_pad=auto
        )
        agree(ours(model, feeds), runtime(model, feeds), 2e-5)


@pytest.mark.parametrize("rank", SPATIAL)
@pytest.mark.parametrize("ceil_mode", [0, 1])
@pytest.mark.parametrize("op", ["MaxPool", "AveragePool", "LpPool"])
def test_pool(op: str, rank: int, ceil_mode: int) -> None:
    """Against ONNX Runtime: ONNX's reference shifts windows where ceil_mode adds to the end."""
    for attributes in window_attributes(rank):
        if "auto_pad" in attributes and ceil_mode:
            continue
        choices = [{"count_include_pad": c} for c in (0, 1)] if op == "AveragePool" else [{}]
        for more in choices:
            model, feeds = single(
                op,
                {"X": normal(2, 3, *SPATIAL[rank])},
                opset=22,
                ceil_mode=ceil_mode,
                **attributes,
                **more,
            )
            agree(ours(model, feeds), runtime(model, feeds), 2e-6)


@pytest.mark.parametrize("rank", SPATIAL)
@pytest.mark.parametrize("storage_order", [0, 1])
def test_max_pool_indices(rank: int, storage_order: int) -> None:
    for attributes in window_attributes(rank):
        model, feeds = single(
            "MaxPool",
            {"X": normal(2, 3, *SPATIAL[rank])},
            2,
            opset=22,
            storage_order=storage_order,
            **attributes,
        )
        agree(ours(model, feeds), runtime(model, feeds), 1e-6)


@pytest.mark.parametrize("rank", SPATIAL)
def test_global_pools(rank: int) -> None:
    for op, attributes in [("GlobalMaxPool", {}), ("GlobalLpPool", {"p": 3})]:
        model, feeds = single(op, {"X": normal(2, 3, *SPATIAL[rank])}, opset=21, **attributes)
        agree(ours(model, feeds), runtime(model, feeds), 1e-6)


def test_lrn_over_channels() -> None:
    for size, channels in [(3, 7), (5, 7), (5, 2)]:
        model, feeds = single(
            "LRN", {"X": normal(2, channels, 3, 4)}, size=size, alpha=0.5, bias=2.0
        )
        agree(ours(model, feeds), runtime(model, feeds), 1e-6)


RECURRENT = {"RNN": 1, "GRU": 3, "LSTM": 4}


@pytest.mark.parametrize("op", RECURRENT)
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("variant", ["plain", "lens", "clip", "activations", "bare"])
def test_recurrent(op: str, direction: str, variant: str) -> None:
    T, N, C, H, D = 6, 3, 4, 5, 2 if direction == "bidirectional" else 1
    gates = RECURRENT[op]
    bare = variant == "bare"
    inputs: dict[str, Any] = {
        "X": normal(T, N, C),
        "W": normal(D, gates * H, C),
        "R": normal(D, gates * H, H),
        "B": None if bare else normal(D, 2 * gates * H),
        "lens": np.array([6, 2, 4], dtype=np.int32) if variant == "lens" else None,
        "h": None if bare else normal(D, N, H, seed=1),
    }
    attributes: dict[str, Any] = {"direction": direction, "hidden_size": H}
    if op == "LSTM":
        inputs["c"] = None if bare else normal(D, N, H, seed=2)
        inputs["P"] = None if bare else normal(D, 3 * H)
    if op == "GRU":
        attributes["linear_before_reset"] = int(variant in ("plain", "lens"))
    if variant == "clip":
        attributes["clip"] = 0.5
    if variant == "activations":
        names = {
            "RNN": ["Relu"],
            "GRU": ["HardSigmoid", "Softsign"],
            "LSTM": ["HardSigmoid", "Tanh", "Elu"],
        }
        attributes["activations"] = names[op] * D
    model, feeds = single(op, inputs, 3 if op == "LSTM" else 2, opset=22, **attributes)
    agree(ours(model, feeds), runtime(model, feeds), 1e-5)


def test_a_state_of_another_batch_has_no_truth() -> None:
    rng = RNG(0)
    shapes = {
        "x": (4, 1, 3),
        "w": (1, 5, 3),
        "r": (1, 5, 5),
        "b": None,
        "lens": None,
        "h": (1, 2, 5),
    }
    inputs = {n: size and rng.normal(size=size).astype(np.float32) for n, size in shapes.items()}
    model, feeds = single("RNN", inputs, hidden_size=5)
    with pytest.raises(InvalidModel, match="initial states are to be"):
        Truth(model).run(feeds)


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("corners", [0, 1])
def test_grid_sample(mode: str, padding: str, corners: int) -> None:
    grid = RNG(3).uniform(-1.6, 1.6, (2, 4, 3, 2)).astype(np.float32)
    model, feeds = single(
        "GridSample", {"X": normal(2, 3, 5, 6), "grid": grid}, opset=22,
        mode=mode, padding_mode=padding, align_corners=corners,
    )  # fmt: skip
    agree(ours(model, feeds), runtime(model, feeds), 2e-5)


def test_affine_grid() -> None:
    for corners, size in itertools.product((0, 1), [(2, 3, 4, 5), (2, 3, 4, 5, 6)]):
        rank = len(size) - 2
        inputs = {"theta": normal(2, rank, rank + 1), "size": np.array(size, dtype=np.int64)}
        model, feeds = single("AffineGrid", inputs, align_corners=corners)
        agree(ours(model, feeds), reference(model, feeds), 1e-6)


def test_erf_is_exact_in_double() -> None:
    x = np.concatenate([np.linspace(-7, 7, 20001), RNG(0).standard_normal(5000) * 1e-3])
    exact = np.array([math.erf(value) for value in x])
    assert np.max(np.abs(erf(x) - exact)) < 1e-15
    special = erf(np.array([np.inf, -np.inf, np.nan, 0.0, -0.0]))
    np.testing.assert_array_equal(special, [1.0, -1.0, np.nan, 0.0, -0.0])
    assert np.signbit(special[-1])


def test_every_operator_names_a_standard_one() -> None:
    for operator in OPERATORS:
        assert onnx.defs.has(operator.__name__), operator
    assert len({operator.__name__ for operator in OPERATORS}) == len(OPERATORS)
