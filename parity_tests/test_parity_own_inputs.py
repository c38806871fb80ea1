"""The user's own inputs, in each form that they may come in, and what is said of those that do not fit."""

from __future__ import annotations

import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from interop.errors import UsageError, WorkerCrashed
from interop.parity.inputs.bounds import Allowed
from interop.parity.inputs.generated import MOST
from interop.parity.inputs.own import load_input_sets
from interop.parity.inputs.roles import Roles, roles
from interop.signature import Signature, TensorSpec


def spec(name: str, dtype: str, *shape: int | str | None) -> TensorSpec:
    return TensorSpec(name, dtype, shape)


SIGNATURE = Signature((spec("x", "float32", "n", 3), spec("k", "int64", "n")), ())
#: k indexes a table of eleven, as the graph says.
FOUND = Roles({"k": Allowed(high=11, table=11)})
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
        (
            {"x": np.zeros((0, 3), np.float32), "k": np.zeros(0, np.int64)},
            "'x' has shape \\[0, 3\\]",
        ),
        ({"x": np.full((2, 3), np.nan, np.float32)}, "'x' holds 6 .* first at \\(0, 0\\): nan"),
        ({"x": np.full((2, 3), -np.inf, np.float32)}, "'x' holds 6 .* first at \\(0, 0\\): -inf"),
        ({"k": np.array([1, 11])}, "'k' holds 11 at \\(1,\\), outside the table of 11"),
        ({"k": np.array([-12, 0])}, "'k' holds -12 at \\(0,\\), outside the table of 11"),
    ],
)
def test_own_inputs_that_do_not_fit_are_refused(tmp_path: Path, change: dict, message: str) -> None:
    arrays = {n: a for n, a in {**GOOD, **change}.items() if a is not None}
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(UsageError, match=message) as caught:
        load_input_sets(tmp_path / "bad.npz", SIGNATURE, FOUND)
    assert "bad.npz" in caught.value.message
    assert caught.value.hint


def test_a_file_that_is_no_npz_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("hello")
    for name in ("text.npz", "missing.npz"):
        with pytest.raises(UsageError, match="cannot be read"):
            load_input_sets(tmp_path / name, SIGNATURE)
    np.savez(tmp_path / "empty.npz")
    with pytest.raises(UsageError, match="holds no arrays"):
        load_input_sets(tmp_path / "empty.npz", SIGNATURE)


def test_nan_and_infinity_pass_when_asked_for_or_where_they_mask(tmp_path: Path) -> None:
    x = np.array([[0, np.nan, 1], [-np.inf, 2, 3]], np.float32)
    np.savez(tmp_path / "in.npz", **{**GOOD, "x": x})
    (one,) = load_input_sets(tmp_path / "in.npz", SIGNATURE, FOUND, non_finite=True)
    np.testing.assert_array_equal(one.arrays["x"], x)
    masks = Roles(additive=frozenset({"x"}))
    with pytest.raises(UsageError, match="'x' holds 1 elements"):
        load_input_sets(tmp_path / "in.npz", SIGNATURE, masks)
    np.savez(tmp_path / "in.npz", **{**GOOD, "x": np.where(np.isnan(x), 0, x)})
    assert load_input_sets(tmp_path / "in.npz", SIGNATURE, masks)


def test_a_bound_that_the_caller_knows_leaves_the_table_in_place() -> None:
    text = "g (int64[n] k) => (float[n, 4] y) <float[2, 4] t = {0., 0., 0., 0., 0., 0., 0., 0.}> { y = Gather(t, k) }"
    model = onnx.parser.parse_model('<ir_version: 10, opset_import: ["" : 23]>' + text)
    assert roles(onnx.shape_inference.infer_shapes(model), {"k": 2}).allowed["k"].table == 2


def test_indices_may_count_from_the_end(tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", **{**GOOD, "k": np.array([-11, 10])})
    assert load_input_sets(tmp_path / "in.npz", SIGNATURE, FOUND)


ALONE = Signature((spec("x", "float32", "n", 3),), ())


def test_one_array_for_a_model_of_one_input(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", GOOD["x"])
    (one,) = load_input_sets(tmp_path / "x.npy", ALONE)
    np.testing.assert_array_equal(one.arrays["x"], GOOD["x"])
    with pytest.raises(UsageError, match="one array without a name, but the model takes x, k"):
        load_input_sets(tmp_path / "x.npy", SIGNATURE)
    (tmp_path / "x.npy").rename(tmp_path / "x.npz")
    with pytest.raises(UsageError, match="it holds one array"):
        load_input_sets(tmp_path / "x.npz", ALONE)
    np.save(tmp_path / "objects.npy", np.array([None]), allow_pickle=True)
    with pytest.raises(UsageError, match=r"objects.npy cannot be read as .npy input"):
        load_input_sets(tmp_path / "objects.npy", ALONE)


def test_types_that_numpy_has_no_name_for(tmp_path: Path) -> None:
    x = np.arange(6).reshape(2, 3).astype(ml_dtypes.bfloat16)
    np.save(tmp_path / "x.npy", x)
    (one,) = load_input_sets(tmp_path / "x.npy", Signature((spec("x", "bfloat16", 2, 3),), ()))
    np.testing.assert_array_equal(one.arrays["x"], x)


def save_tensors(folder: Path, *arrays: np.ndarray) -> None:
    folder.mkdir(parents=True)
    for number, array in enumerate(arrays):
        tensor = numpy_helper.from_array(array, f"any_{number}")
        (folder / f"input_{number}.pb").write_bytes(tensor.SerializeToString())


def test_onnx_test_data(tmp_path: Path) -> None:
    for number in (0, 1, 10, 2):
        x = np.full((2, 3), number, np.float32)
        save_tensors(tmp_path / f"test_data_set_{number}", x, GOOD["k"])
    sets = load_input_sets(tmp_path, SIGNATURE, FOUND)
    assert [one.label for one in sets] == [f"test_data_set_{n}" for n in (0, 1, 2, 10)]
    assert [float(one.arrays["x"][0, 0]) for one in sets] == [0, 1, 2, 10]
    (one,) = load_input_sets(tmp_path / "test_data_set_2", SIGNATURE)
    assert float(one.arrays["x"][0, 0]) == 2


def test_many_inputs_of_test_data_go_by_number(tmp_path: Path) -> None:
    names = [f"x{n}" for n in range(12)]
    save_tensors(tmp_path / "set", *[np.array([n], np.int64) for n in range(12)])
    (one,) = load_input_sets(
        tmp_path / "set", Signature(tuple(spec(n, "int64", 1) for n in names), ())
    )
    assert [int(one.arrays[n][0]) for n in names] == list(range(12))


def test_test_data_at_fault(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"neither input_0.pb nor a folder test_data_set_0"):
        load_input_sets(tmp_path, SIGNATURE)
    save_tensors(tmp_path / "few", GOOD["x"])
    with pytest.raises(UsageError, match=r"\['input_0.pb'\], but the model takes 2 inputs: x, k"):
        load_input_sets(tmp_path / "few", SIGNATURE)
    save_tensors(tmp_path / "bad", GOOD["x"], GOOD["k"])
    for rubbish in (b"\xff\xff\xff rubbish", b""):
        (tmp_path / "bad" / "input_1.pb").write_bytes(rubbish)
        with pytest.raises(UsageError, match=r"input_1.pb cannot be read as an ONNX tensor"):
            load_input_sets(tmp_path / "bad", SIGNATURE)


# --- generators -------------------------------------------------------------------------------

GENERATORS = """
import itertools, os
import numpy as np

def two(seed):
    rng = np.random.default_rng(seed)
    for n in (2, 5):
        yield {"x": rng.standard_normal((n, 3)).astype(np.float32), "k": np.arange(n)}

def listed():
    return [{"x": np.zeros((2, 3), np.float32), "k": np.zeros(2, np.int64)}]

def endless():
    for n in itertools.count():
        yield {"x": np.full((1, 3), n, np.float32), "k": np.zeros(1, np.int64)}

def nothing():
    return iter(())

def pairs():
    yield (np.zeros(3), 1)

def numbered():
    yield {0: np.zeros(3)}

def words():
    yield {"x": "hello", "k": np.zeros(1)}

def ragged():
    yield {"x": [[1.0], [1.0, 2.0]]}

def empty():
    yield {}

def one_mapping():
    return {"x": np.zeros((2, 3), np.float32)}

def none():
    pass

def breaks():
    yield from two(0)
    raise KeyError("the third")

def asks(path):
    yield {}

def dies():
    os._exit(3)

def wide():
    yield {"x": np.zeros((2, 3)), "k": np.zeros(2, np.int64)}

constant = 3
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_generators.py").write_text(GENERATORS)
    (folder / "own_broken.py").write_text("import nothing_of_that_name")
    return folder


def test_generators(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(here)
    sets = load_input_sets("own_generators:two", SIGNATURE, FOUND, seed=3)
    assert [one.label for one in sets] == ["own_generators:two 0", "own_generators:two 1"]
    x = np.random.default_rng(3).standard_normal((2, 3)).astype(np.float32)
    np.testing.assert_array_equal(sets[0].arrays["x"], x)
    assert sets[1].arrays["x"].shape == (5, 3)
    assert len(load_input_sets("own_generators:listed", SIGNATURE)) == 1
    assert "own_generators" not in sys.modules  # it ran elsewhere
    endless = load_input_sets("own_generators:endless", SIGNATURE)
    assert len(endless) == MOST
    assert endless[0].label == f"own_generators:endless 0 (of the first {MOST})"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("own_generators:nothing", "own_generators:nothing yielded nothing"),
        ("own_generators:pairs", "item 0: a value of type tuple is no mapping"),
        ("own_generators:numbered", "item 0: the key 0 is no name"),
        ("own_generators:words", "item 0: 'x' is a value of type str, no array of numbers"),
        ("own_generators:ragged", "item 0: 'x' cannot be made an array: ValueError"),
        ("own_generators:empty", "item 0: the mapping is empty"),
        ("own_generators:one_mapping", "returned a value of type dict: no mappings"),
        ("own_generators:none", "returned a value of type NoneType: no mappings"),
        ("own_generators:breaks", "failed at item 2: KeyError: 'the third'"),
        ("own_generators:asks", "failed when it was called: TypeError: .*path"),
        ("own_generators:absent", "cannot be loaded: AttributeError"),
        ("own_generators:constant", "own_generators:constant is a value of type int, no function"),
        ("own_broken:two", "cannot be loaded: ModuleNotFoundError: .*nothing_of_that_name"),
        (
            "own_generators:wide",
            r"\(own_generators:wide 0\): 'x' is float64, the model takes float32",
        ),
    ],
)
def test_generators_that_yield_rubbish(
    reference: str, message: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here)
    with pytest.raises(UsageError, match=message) as caught:
        load_input_sets(reference, SIGNATURE, FOUND)
    assert caught.value.hint


def test_a_generator_that_takes_its_process_down(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here)
    with pytest.raises(WorkerCrashed, match="generator"):
        load_input_sets("own_generators:dies", SIGNATURE, FOUND)
