"""Input sets: shapes that agree, scales and batches that vary, indices inside their tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from interop.errors import InvalidModel, UsageError
from interop.parity.bounds import allowed_values
from interop.parity.inputs import input_sets
from interop.parity.own_inputs import load_input_sets
from interop.signature import Signature, TensorSpec


def spec(name: str, dtype: str, *shape: int | str | None) -> TensorSpec:
    return TensorSpec(name, dtype, shape)


def graph(
    nodes: list[onnx.NodeProto], inputs: list[TensorSpec], constants: dict[str, np.ndarray]
) -> onnx.ModelProto:
    values = [
        helper.make_tensor_value_info(
            s.name, helper.np_dtype_to_tensor_dtype(np.dtype(s.dtype)), s.shape
        )
        for s in inputs
    ]
    initial = [numpy_helper.from_array(np.asarray(a), n) for n, a in constants.items()]
    output = helper.make_value_info("out", onnx.TypeProto())
    model = helper.make_model(
        helper.make_graph(nodes, "g", values, [output], initial),
        opset_imports=[helper.make_opsetid("", 23)],
        ir_version=10,
    )
    return onnx.shape_inference.infer_shapes(model)


def nothing(*inputs: TensorSpec) -> tuple[onnx.ModelProto, Signature]:
    node = helper.make_node("Identity", [inputs[0].name], ["out"])
    return graph([node], list(inputs), {}), Signature(inputs, ())


def test_sets_vary_in_batch_and_scale_and_are_the_same_for_one_seed() -> None:
    model, signature = nothing(spec("x", "float32", "n", 3, "h", "w"))
    sets = input_sets(model, signature)
    assert [s.arrays["x"].shape for s in sets] == [(b, 3, 64, 64) for b in (1, 2, 3, 2)]
    assert len({s.label for s in sets}) == len(sets)
    deviations = [float(s.arrays["x"].std()) for s in sets]
    assert deviations[3] > 3.5 > 1.1 > deviations[0] > 0.9 > 0.15 > deviations[2]
    assert sets[1].arrays["x"].min() >= 0
    assert sets[1].arrays["x"].max() <= 1
    for one, two in zip(sets, input_sets(model, signature), strict=True):
        np.testing.assert_array_equal(one.arrays["x"], two.arrays["x"])
    other = input_sets(model, signature, seed=1)[0]
    assert not np.array_equal(sets[0].arrays["x"], other.arrays["x"])


def test_symbols_of_one_name_agree_and_sizes_win() -> None:
    a, b = spec("a", "float32", "n", "t", 8), spec("b", "float64", "t", "n")
    model, signature = nothing(a, b)
    for one in input_sets(model, signature, sizes={"t": 5}):
        n = one.arrays["a"].shape[0]
        assert one.arrays["a"].shape == (n, 5, 8)
        assert one.arrays["b"].shape == (5, n)
        assert one.arrays["b"].dtype == np.float64
    assert input_sets(model, signature)[0].arrays["a"].shape[1] == 16


def test_dimensions_without_a_name_go_by_input_and_axis() -> None:
    model, signature = nothing(spec("x", "float32", None, None), spec("y", "int64", 2, None, 3))
    for one in input_sets(model, signature, sizes={"x:1": 9, "y:1": 4}):
        assert one.arrays["x"].shape[1] == 9
        assert one.arrays["y"].shape == (2, 4, 3)


def test_integer_scalars_are_arrays() -> None:
    model, signature = nothing(spec("k", "int64"))
    for one in input_sets(model, signature):
        assert isinstance(one.arrays["k"], np.ndarray)
        assert one.arrays["k"].shape == ()


def test_scalars_and_booleans() -> None:
    model, signature = nothing(spec("s", "float32"), spec("m", "bool", "n", 40))
    for one in input_sets(model, signature):
        assert one.arrays["s"].shape == ()
        mask = one.arrays["m"]
        assert mask.dtype == np.bool_
        assert mask.any(axis=1).all()
        assert not mask.all()


def limits(
    nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray], *shape: int | str
) -> tuple:
    allowed = allowed_values(graph(nodes, [spec("i", "int64", *shape)], constants))["i"]
    return allowed.low, allowed.high


TABLE = {"table": np.zeros((11, 4), np.float32)}
N = helper.make_node


def test_floats_that_become_indices() -> None:
    """As in Caffe, which knows no integers; a float that is only compared with one stays noise."""
    cast, taken = N("Cast", ["i"], ["j"], to=7), N("Gather", ["table", "j"], ["out"])
    model = graph([cast, taken], [spec("i", "float32", "n", 6)], TABLE)
    assert allowed_values(model)["i"].high == 11
    for one in input_sets(model, Signature((spec("i", "float32", "n", 6),), ())):
        array = one.arrays["i"]
        assert array.dtype == np.float32
        assert (array == np.rint(array)).all()
        assert array.min() >= 0
        assert array.max() < 11
    model = graph(
        [N("Mod", ["i", "n"], ["out"], fmod=1)], [spec("i", "float32", 6)], {"n": np.float32(1)}
    )
    assert "i" not in allowed_values(model)


def test_indices_that_are_wrapped() -> None:
    """By a remainder, or as `where(i < 0, i + 11, i)`."""
    eleven = {**TABLE, "n": np.int64(11), "zero": np.int64(0)}
    taken = N("Gather", ["table", "j"], ["out"])
    assert limits([N("Mod", ["i", "n"], ["j"]), taken], eleven, "n", 6) == (0, 11)
    wrap = [
        N("Less", ["i", "zero"], ["negative"]),
        N("Add", ["i", "n"], ["moved"]),
        N("Where", ["negative", "moved", "i"], ["j"]),
    ]
    assert limits([*wrap, taken], eleven, "n", 6) == (0, 11)


def test_index_of_a_table_is_bounded() -> None:
    assert limits([N("Gather", ["table", "i"], ["out"])], TABLE, "n", 6) == (0, 11)
    assert limits([N("Gather", ["table", "i"], ["out"], axis=1)], TABLE, 6) == (0, 4)
    assert limits([N("GatherElements", ["table", "i"], ["out"], axis=1)], TABLE, 11, 2) == (0, 4)
    assert limits([N("GatherND", ["table", "i"], ["out"])], TABLE, 5, 2) == (0, 4)
    assert limits([N("GatherND", ["table", "i"], ["out"])], TABLE, 5, 1) == (0, 11)
    values = {**TABLE, "v": np.zeros((5, 4), np.float32)}
    assert limits([N("ScatterND", ["table", "i", "v"], ["out"])], values, 5, 1) == (0, 11)
    depth = {"depth": np.array(7, np.int64), "onoff": np.array([0, 1], np.float32)}
    assert limits([N("OneHot", ["i", "depth", "onoff"], ["out"])], depth, 5) == (0, 7)


def test_bound_is_carried_back_through_what_keeps_or_shifts_values() -> None:
    constants = {**TABLE, "three": np.array(3), "two": np.array([2]), "shape": np.array([-1])}
    nodes = [
        N("Reshape", ["i", "shape"], ["flat"]),
        N("Cast", ["flat"], ["cast"], to=onnx.TensorProto.INT32),
        N("Cast", ["cast"], ["back"], to=onnx.TensorProto.INT64),
        N("Mul", ["back", "two"], ["doubled"]),
        N("Add", ["three", "doubled"], ["shifted"]),
        N("Gather", ["table", "shifted"], ["out"]),
    ]
    low, high = limits(nodes, constants, "n", 4)
    assert (low, high) == (0, 4)  # 2 i + 3 <= 10
    minus = [N("Sub", ["i", "three"], ["less"]), N("Gather", ["table", "less"], ["out"])]
    assert limits(minus, constants, 4) == (3, 14)


def test_smallest_table_wins_and_subgraphs_count() -> None:
    branch = helper.make_graph(
        [N("Gather", ["small", "i"], ["picked"])], "then", [],
        [helper.make_tensor_value_info("picked", 1, None)],
    )  # fmt: skip
    other = helper.make_graph(
        [N("Gather", ["table", "i"], ["taken"])], "else", [],
        [helper.make_tensor_value_info("taken", 1, None)],
    )  # fmt: skip
    constants = {**TABLE, "small": np.zeros((5, 4), np.float32), "c": np.array(True)}
    nodes = [N("If", ["c"], ["out"], then_branch=branch, else_branch=other)]
    assert limits(nodes, constants, 3) == (0, 5)


def test_an_index_that_is_compared_only_takes_the_constants() -> None:
    nodes = [N("Equal", ["i", "rate"], ["out"])]
    model = graph(nodes, [spec("i", "int64")], {"rate": np.array(16000)})
    signature = Signature((spec("i", "int64"),), ())
    assert {int(s.arrays["i"]) for s in input_sets(model, signature)} == {16000}


def test_a_one_hot_encoding_by_comparison_bounds_its_index() -> None:
    nodes = [N("Unsqueeze", ["i", "last"], ["wide"]), N("Equal", ["wide", "range"], ["out"])]
    constants = {"last": np.array([-1]), "range": np.arange(257).reshape(1, 1, -1)}
    assert limits(nodes, constants, "n", 8) == (0, 257)
    constants["range"] = np.array([[[3, 7, 20]]])
    assert limits(nodes, constants, "n", 8) == (0, None)


def test_drawn_indices_stay_inside_and_reach_the_ends() -> None:
    model = graph([N("Gather", ["table", "i"], ["out"])], [spec("i", "int32", "n", 200)], TABLE)
    signature = Signature((spec("i", "int32", "n", 200),), ())
    for one in input_sets(model, signature):
        assert one.arrays["i"].dtype == np.int32
        assert (one.arrays["i"].min(), one.arrays["i"].max()) == (0, 10)
    for one in input_sets(model, signature, bounds={"i": 3}):
        assert one.arrays["i"].max() == 2


def test_unknown_rank_and_unknown_names_are_refused() -> None:
    model, _ = nothing(spec("x", "float32", 2))
    with pytest.raises(InvalidModel, match="'x' has no known shape") as caught:
        input_sets(model, Signature((TensorSpec("x", "float32", None),), ()))
    assert "--inputs" in caught.value.hint
    signature = Signature((spec("x", "float32", 2),), ())
    with pytest.raises(UsageError, match="no such input: y"):
        input_sets(model, signature, bounds={"y": 3})
    with pytest.raises(UsageError, match="no such dimension: q"):
        input_sets(model, signature, sizes={"q": 3})


def test_fixed_arrays_are_used_and_set_the_symbols() -> None:
    model, signature = nothing(spec("x", "float32", "n", "t"), spec("y", "float32", "t"))
    x = np.ones((2, 9), np.float32)
    for one in input_sets(model, signature, fixed={"x": x}):
        np.testing.assert_array_equal(one.arrays["x"], x)
        assert one.arrays["y"].shape == (9,)


SIGNATURE = Signature((spec("x", "float32", "n", 3), spec("k", "int64", "n")), ())
GOOD = {"x": np.zeros((2, 3), np.float32), "k": np.zeros(2, np.int64)}


def test_own_inputs_are_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", **GOOD)
    (one,) = load_input_sets(tmp_path / "one.npz", SIGNATURE)
    assert list(one.arrays) == ["x", "k"]
    np.savez(tmp_path / "two.npz", **{f"{s}/{n}": a for s in "ab" for n, a in GOOD.items()})
    assert [s.label for s in load_input_sets(tmp_path / "two.npz", SIGNATURE)] == ["a", "b"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": None}, "missing: \\['k'\\]"),
        ({"z": np.zeros(1)}, "unknown: \\['z'\\]"),
        ({"x": np.zeros((2, 3))}, "float64, the model takes float32"),
        ({"x": np.zeros((2, 4), np.float32)}, "has shape \\[2, 4\\]"),
        ({"x": np.zeros(3, np.float32)}, "has shape \\[3\\]"),
        ({"k": np.zeros(3, np.int64)}, "with {'n': 2}"),
        ({"k": np.array([None, None])}, "cannot be read"),
    ],
)
def test_own_inputs_that_do_not_fit_are_refused(tmp_path: Path, change: dict, message: str) -> None:
    arrays = {n: a for n, a in {**GOOD, **change}.items() if a is not None}
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(UsageError, match=message):
        load_input_sets(tmp_path / "bad.npz", SIGNATURE)


def test_a_file_that_is_no_npz_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("hello")
    for name in ("text.npz", "missing.npz"):
        with pytest.raises(UsageError, match="cannot be read"):
            load_input_sets(tmp_path / name, SIGNATURE)
    np.savez(tmp_path / "empty.npz")
    with pytest.raises(UsageError, match="holds no arrays"):
        load_input_sets(tmp_path / "empty.npz", SIGNATURE)
