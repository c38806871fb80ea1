"""Input sets: shapes that agree, scales and batches that vary, indices inside their tables."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import helper, numpy_helper

from interop.errors import InvalidModel, UsageError
from interop.graph.canonical import signature_of
from interop.parity.inputs.bounds import allowed_values
from interop.parity.inputs.quick import input_sets
from interop.parity.inputs.recipes import Recipe, draw
from interop.parity.inputs.roles import roles
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
    assert "--data" in caught.value.hint
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


# --- what each input is for -------------------------------------------------------------------


def read(text: str, **constants: np.ndarray) -> tuple[onnx.ModelProto, Signature]:
    """A model from ONNX's text form, with initialisers, shapes inferred."""
    parsed = onnx.parser.parse_model('<ir_version: 10, opset_import: ["" : 23]>\n' + text)
    for name, value in constants.items():
        parsed.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    model = onnx.shape_inference.infer_shapes(parsed, data_prop=True)
    return model, signature_of(ir.from_proto(model))


RECURRENT = read(
    "g (float[t, n, 4] x, int32[n] lengths) => (float[t, 1, n, 3] y) "
    "{ y = LSTM<hidden_size = 3>(x, w, r, , lengths) }",
    w=np.zeros((1, 12, 4), np.float32), r=np.zeros((1, 12, 3), np.float32),
)  # fmt: skip
COUNTED = read(
    """g (float[n, t, 4] x, int64[n] lengths, int64[n, t] mask) => (float[n, t, 4] y) {
    shape = Shape(x)  size = Gather(shape, one)  range = Range(zero, size, one)
    row = Unsqueeze(range, first)  column = Unsqueeze(lengths, last)  inside = Less(row, column)
    kept = Cast<to = 1>(inside)  asked = Cast<to = 1>(mask)  both = Mul(kept, asked)
    wide = Unsqueeze(both, end)  y = Mul(x, wide) }""",
    zero=np.int64(0), one=np.int64(1), first=np.array([0]), last=np.array([1]), end=np.array([2]),
)  # fmt: skip


def test_lengths_stay_within_their_axis_and_fill_it_once() -> None:
    model, signature = RECURRENT
    for one in input_sets(model, signature, sizes={"t": 9, "n": 40}):
        lengths = one.arrays["lengths"]
        assert lengths.dtype == np.int32
        assert (lengths.min(), lengths.max(), lengths[0]) == (1, 9, 9)
        assert len(set(lengths.tolist())) > 5
    for one in input_sets(model, signature, sizes={"t": 1}):
        assert (one.arrays["lengths"] == 1).all()


def test_lengths_and_masks_agree() -> None:
    model, signature = COUNTED
    assert roles(model, {}).lengths
    assert roles(model, {}).masks == {"mask"}
    for one in input_sets(model, signature, sizes={"t": 12, "n": 6}):
        positions = np.arange(12)
        inside = (positions < one.arrays["lengths"][:, None]).astype(np.int64)
        np.testing.assert_array_equal(one.arrays["mask"], inside)
        assert len(set(one.arrays["lengths"].tolist())) > 1


def test_an_index_stays_inside_a_table_whose_length_is_an_input_of_its_own() -> None:
    model, signature = read("g (float[t, 4] x, int64[k] i) => (float[k, 4] y) { y = Gather(x, i) }")
    for one in input_sets(model, signature, sizes={"t": 7, "k": 90}):
        assert set(one.arrays["i"].tolist()) == set(range(7))


@pytest.mark.parametrize(
    ("use", "masks"),
    [
        ("b = Cast<to = 9>(m)  y = Cast<to = 1>(b)", {"m"}),
        ("b = Equal(m, zero)  y = Cast<to = 1>(b)", {"m"}),
        ("u = Unsqueeze(m, first)  s = Sub(one, u)  y = Squeeze(s, first)", {"m"}),
        ("y = Mul(m, one)", set()),
        ("b = Less(m, one)  y = Cast<to = 1>(b)", set()),
    ],
)
def test_float_masks(use: str, masks: set[str]) -> None:
    model, _ = read(
        f"g (float[n, t] m) => (float[n, t] y) {{ {use} }}",
        zero=np.float32(0), one=np.float32(1), first=np.array([0]),
    )  # fmt: skip
    assert roles(model, {}).masks == masks


def test_a_mask_that_is_compared_with_zero_does_not_hide_everything() -> None:
    model, signature = read(
        "g (int64[n, t] m) => (bool[n, t] y) { y = Equal(m, zero) }", zero=np.int64(0)
    )
    assert roles(model, {"m": 2}).masks == {"m"}
    for one in input_sets(model, signature):
        assert set(np.unique(one.arrays["m"])) == {0, 1}
        assert (one.arrays["m"][:, 0] == 1).all()


def test_additive_masks() -> None:
    model, signature = read(
        """g (float[n, h, t, t] x, float[n, 1, t, t] bias, float[n, 1, 1, t] other) => (float[n, h, t, t] y) {
        a = Add(x, bias)  y = Softmax<axis = -1>(a)  unused = Mul(other, other) }"""
    )
    found = roles(model, {})
    assert found.additive == {"x", "bias"}  # what is added to either side masks as well
    padded = Recipe(2, "normal", masks="padded")
    sizes = {"n": 2, "t": 6, "h": 3}
    bias = draw(padded, signature, found, sizes, seed=0, index=0)["bias"]
    assert set(np.unique(bias)) == {0.0, -1e4}
    assert (bias[0] == 0).all()


@pytest.mark.parametrize(
    ("use", "number"),
    [
        ("y = Div(i, three)", True),
        ("y = Identity(i)", True),
        ("y = Sub(one, i)", False),  # a mask turned over
        ("r = Range(zero, i, one)  y = ReduceSum(r)", False),
        ("d = Mul(i, three)  e = Expand(three, d)  y = Sub(e, i)", False),
        ("f = Cast<to = 1>(i)  g = Mul(f, f)  y = Cast<to = 7>(g)", False),
    ],
)
def test_whole_numbers_that_are_calculated_with(use: str, number: bool) -> None:
    rank = "" if "Range" in use else "[n]"
    model, _ = read(
        f"g (int64{rank} i) => (int64{rank} y) {{ {use} }}",
        zero=np.int64(0), one=np.int64(1), three=np.int64(3),
    )  # fmt: skip
    assert roles(model, {}).numbers == ({"i"} if number else set())
