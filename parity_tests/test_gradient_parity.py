"""Gradients of what is written, against the float64 truth: faithful ones pass, planted faults do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper as nph
from onnx import parser

import interop.gradients as subject
from interop import differentiation
from interop.backends import Backend, parse
from interop.errors import ParityFailed
from interop.parity import InputSet, Verdict
from interop.parity.verdict.derivatives import (
    Derivatives,
    compare_derivatives,
    cotangents,
    derivative_noise,
    match,
)

NET = """
<ir_version: 10, opset_import: ["": 23]>
net (float[n,3,8,8] x, int64[n] chosen) => (float[n,5] y, int64[n] best)
{
    a = Conv <pads = [1, 1, 1, 1]> (x, kernel, bias)
    b = LeakyRelu <alpha = 0.2> (a)
    c = ReduceMean <keepdims = 0> (b, spatial)
    d = Gather (table, chosen)
    e = Add (c, d)
    f = Softmax (e)
    g = Mul (f, scale)
    y = MatMul (g, head)
    best = ArgMax <axis = 1, keepdims = 0> (y)
}
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    net, rng = parser.parse_model(NET), np.random.default_rng(2)
    shapes = {"kernel": (6, 3, 3, 3), "bias": (6,), "table": (9, 6), "head": (6, 5)}
    net.graph.initializer.extend(
        nph.from_array(rng.standard_normal(shape).astype(np.float32), name)
        for name, shape in shapes.items()
    )
    net.graph.initializer.extend(
        [
            nph.from_array(np.float32(0.35355338), "scale"),
            nph.from_array(np.array([2, 3]), "spatial"),
        ]
    )
    onnx.checker.check_model(net, full_check=True)
    path = tmp_path_factory.mktemp("net") / "net.onnx"
    onnx.save(net, path)
    return path


def inputs() -> InputSet:
    rng = np.random.default_rng(4)
    return InputSet(
        "drawn",
        {
            "x": rng.standard_normal((4, 3, 8, 8)).astype(np.float32),
            "chosen": np.array([0, 3, 3, 8]),
        },
    )


def on(*backends: str) -> list[subject.Candidate]:
    return [subject.on_backend(parse(name)) for name in backends]


def test_torch_and_jax_are_faithful(model: Path, tmp_path: Path) -> None:
    found = subject.gradient_parity(model, on("torch", "jax"), inputs(), tmp_path)
    for one in found:
        names = [parity.name for parity in one.parities]
        assert sorted(names) == [
            "input x",
            "weight bias",
            "weight head",
            "weight kernel",
            "weight table",
        ]
        assert one.passes, one
        assert not one.unmatched


@pytest.mark.slow
def test_tensorflow_and_keras_are_faithful_in_their_own_layout(model: Path, tmp_path: Path) -> None:
    for one in subject.gradient_parity(model, on("tensorflow", "keras"), inputs(), tmp_path):
        assert one.passes, one
        assert {"input x", "weight kernel", "weight head"} <= {p.name for p in one.parities}


def test_a_gradient_that_is_cut_is_found_where_outputs_are_the_same(
    model: Path, tmp_path: Path, monkeypatch
) -> None:
    """The table's part of the sum is detached in what torch is given: forward it is the same."""
    written = differentiation.lower

    def cut(graph, framework, folder):
        target = written(graph, framework, folder)
        source = folder / "model.py"
        text = source.read_text("utf-8")
        if framework == "torch":
            assert text.count("embedding(self.table,") == 1
            text = text.replace("embedding(self.table,", "embedding(self.table.detach(),")
            source.write_text(text, "utf-8")
        return target

    monkeypatch.setattr(differentiation, "lower", cut)
    monkeypatch.setattr(subject, "MORE_RUNS", subject.RUNS)
    (found,) = subject.gradient_parity(model, on("torch"), inputs(), tmp_path)
    wrong = [parity.name for parity in found.parities if not parity.verdict.passes]
    assert wrong == ["weight table"]


# --- comparing, with no framework --------------------------------------------------------------


def drawn(seed: int, noise: float) -> Derivatives:
    """Gradients of three parameters, to within `noise`."""
    rng, jitter = np.random.default_rng(1), np.random.default_rng(seed)

    def some(*shape: int) -> np.ndarray:
        value = rng.standard_normal(shape)
        return value * (1 + noise * jitter.standard_normal(shape))

    gradients = {"w": some(8, 4, 3), "b": some(64)}
    values = {
        n: np.random.default_rng(9).standard_normal(a.shape).astype(np.float32)
        for n, a in gradients.items()
    }
    given = (({"x": some(4, 16)}, gradients) if noise == 0 else
             ({"x": some(4, 16).astype(np.float32)}, {n: a.astype(np.float32) for n, a in gradients.items()}))  # fmt: skip
    return Derivatives(*given, values, {})


SPOILT = {
    "one part in ten thousand": lambda g: g * np.float32(1.0001),
    "of the other sign": np.negative,
    "one row": lambda g: np.concatenate([g[:1] * 2, g[1:]]),
    "not a number": lambda g: np.where(
        np.arange(g.size).reshape(g.shape) == 3, np.float32(np.nan), g
    ),
    "in double": lambda g: g.astype(np.float64),
}


def verdicts(candidate: Derivatives) -> dict[str, Verdict]:
    truth, feeds = drawn(0, 0), {"x": np.zeros((4, 16), np.float32)}
    noise = derivative_noise(truth, [drawn(seed, 6e-8) for seed in range(1, 6)], feeds)
    found = compare_derivatives(
        truth, candidate, noise, feeds, match(truth.values, candidate.values)
    )
    return {parity.name: parity.verdict for parity in found}


def test_rounding_passes() -> None:
    found = verdicts(drawn(77, 6e-8))
    assert list(found) == ["input x", "weight w", "weight b"]
    assert all(verdict.passes for verdict in found.values())


@pytest.mark.parametrize("fault", SPOILT)
@pytest.mark.parametrize("where", ["input x", "weight w"])
def test_a_spoilt_gradient_fails(fault: str, where: str) -> None:
    given = drawn(77, 6e-8)
    table, name = (given.inputs, "x") if where == "input x" else (given.weights, "w")
    table[name] = SPOILT[fault](table[name])
    found = verdicts(given)
    assert [name for name, verdict in found.items() if not verdict.passes] == [where]


def test_a_gradient_that_is_not_given_is_zero_and_fails() -> None:
    given = drawn(77, 6e-8)
    del given.weights["b"]
    assert not verdicts(given)["weight b"].passes


def test_parameters_are_matched_by_what_they_hold() -> None:
    rng = np.random.default_rng(0)
    ours = {
        "a.kernel": rng.standard_normal((4, 3, 2, 2)),
        "same": np.zeros(5),
        "also": np.zeros(5),
        "gone": np.ones(3),
    }
    narrow = {name: array.astype(np.float32) for name, array in ours.items()}
    theirs = {
        "k": narrow["a.kernel"].transpose(2, 3, 1, 0),
        "also": narrow["also"],
        "same": narrow["same"],
    }
    found = {one.name: one for one in match(ours, theirs)}
    assert found.keys() == {"a.kernel", "same", "also"}
    assert (found["same"].theirs, found["also"].theirs) == ("same", "also")
    assert np.array_equal(theirs["k"].transpose(found["a.kernel"].order), narrow["a.kernel"])


# --- what a user gets wrong --------------------------------------------------------------------


def test_a_backend_without_gradients_says_why() -> None:
    assert subject.why_not(parse("keras")) == ""
    assert "differentiates none" in subject.why_not(parse("openvino"))
    assert "not in float32" in subject.why_not(Backend("torch", None, "cpu", "bf16"))


def test_a_model_without_outputs_of_floats_has_no_gradients() -> None:
    with pytest.raises(ParityFailed, match="no output is of floats"):
        cotangents({"labels": np.arange(3)}, 0)
