"""Task figures of a check: labels that the user has, and sequences of tokens."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from small import WEIGHT, network

import interop
from interop.errors import UsageError

ROWS = 40
X = np.random.default_rng(3).standard_normal((ROWS, 6)).astype(np.float32)


@pytest.fixture(name="data")
def own_inputs(tmp_path):
    np.savez(tmp_path / "data.npz", x=X)
    return tmp_path / "data.npz"


def right():
    """The model's own choices, one in ten of them called wrong."""
    labels = np.argmax(X @ WEIGHT, axis=1)
    labels[::10] = (labels[::10] + 1) % 4
    return labels


def write(labels, path):
    if path.suffix == ".npy":
        np.save(path, labels)
    elif path.suffix == ".npz":
        np.savez(path, y=labels)
    else:
        path.write_text("row,label\n" + "".join(f"{i},{one}\n" for i, one in enumerate(labels)))
    return path


def labelled(check):
    return {one["label"]: one for one in check.document["labels"]}


@pytest.mark.parametrize("ending", ["npy", "npz", "csv"])
def test_what_changes_is_counted(ending, model, data, tmp_path):
    """A faithful backend chooses as the model; one with a weight of another sign does not."""
    proto = onnx.load(model)
    spoilt = WEIGHT.copy()
    spoilt[:, 0] *= -1
    proto.graph.initializer[0].CopyFrom(numpy_helper.from_array(spoilt, "w"))
    onnx.save(proto, tmp_path / "wrong.onnx")
    labels = write(right(), tmp_path / f"labels.{ending}")
    check = interop.check(model, str(tmp_path / "wrong.onnx"), on="ort", data=data, labels=labels)
    found = labelled(check)
    good, bad = found["onnxruntime:cpu"], found[str(tmp_path / "wrong.onnx")]
    assert good["passes"]
    assert good["outputs"]["y"]["source"]["accuracy"] == 0.9
    assert good["outputs"]["y"]["artifact"] == good["outputs"]["y"]["source"]
    ours, theirs = np.argmax(X @ spoilt, axis=1), np.argmax(X @ WEIGHT, axis=1)
    assert not bad["passes"]
    assert bad["outputs"]["y"]["flips"] == np.sum(ours != theirs) > 0
    assert bad["outputs"]["y"]["artifact"]["accuracy"] == np.mean(ours == right())
    assert "rounding decides none" in bad["reason"]
    assert check.exit_code == 3


def test_a_tie_is_explained(tmp_path, data):
    """Two classes that differ by less than rounding, and exchange places in the last bit."""
    pair = [WEIGHT.copy(), WEIGHT.copy()]
    for weight, (low, high) in zip(pair, ((0, 1), (1, 0)), strict=True):
        weight[:, :2] = np.abs(WEIGHT[:, :1]) + 3
        weight[:, high] = np.nextafter(weight[:, low], np.float32(9))
    paths = [tmp_path / "one.onnx", tmp_path / "other.onnx"]
    for path, weight in zip(paths, pair, strict=True):
        proto = onnx.load(network(path, last="Identity"))
        proto.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, "w"))
        onnx.save(proto, path)
    np.save(tmp_path / "labels.npy", np.zeros(ROWS, np.int64))
    check = interop.check(str(paths[0]), str(paths[1]), data=data, labels=tmp_path / "labels.npy")
    other = labelled(check)[str(paths[1])]
    assert other["outputs"]["y"]["flips"] == other["outputs"]["y"]["ties"] > 0
    assert other["passes"]
    assert check.passed


def test_labels_that_do_not_go_with_the_outputs(model, data, tmp_path):
    def asked(labels, **more):
        return interop.check(model, on="ort", labels=labels, **{"data": data, **more})

    with pytest.raises(UsageError, match="there are none"):
        asked(write(right(), tmp_path / "l.npy"), data=None)
    with pytest.raises(UsageError, match=r"39.*output 'y' has 40 rows"):
        asked(write(right()[1:], tmp_path / "short.npy"))
    with pytest.raises(UsageError, match="go with no output: y"):
        asked(write(np.zeros((ROWS, 3, 2), int), tmp_path / "deep.npy"))
    with pytest.raises(UsageError, match="of type float64"):
        asked(write(right() / 2, tmp_path / "half.npy"))
    with pytest.raises(UsageError, match=r"absent\.npy cannot be read"):
        asked(tmp_path / "absent.npy")
    np.savez(tmp_path / "named.npz", z=right())
    with pytest.raises(UsageError, match="labels for z, which is no output"):
        asked(tmp_path / "named.npz")
    (tmp_path / "wide.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match="none of them is called label"):
        asked(tmp_path / "wide.csv")
    (tmp_path / "words.csv").write_text("label\ncat\n")
    with pytest.raises(UsageError, match="cat"):
        asked(tmp_path / "words.csv")


# --- tokens ------------------------------------------------------------------------------------


def reader(path, spoilt=None):
    """Tokens [n, 5]: each the number of the largest of four scores of one of five words."""
    weight = np.random.default_rng(5).standard_normal((6, 5, 4)).astype(np.float32)
    if spoilt is not None:
        weight[:, spoilt, 0] += 2
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["flat"]),
            helper.make_node("Reshape", ["flat", "shape"], ["scores"]),
            helper.make_node("ArgMax", ["scores"], ["tokens"], axis=-1, keepdims=0),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 6])],
        [helper.make_tensor_value_info("tokens", TensorProto.INT64, ["n", 5])],
        [
            numpy_helper.from_array(weight.reshape(6, 20), "w"),
            numpy_helper.from_array(np.array([-1, 5, 4]), "shape"),
        ],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(proto, path)
    return str(path), np.argmax((X @ weight.reshape(6, 20)).reshape(-1, 5, 4), axis=-1)


def test_the_first_token_that_differs(data, tmp_path):
    """The fault sits at the fourth word: three go together everywhere."""
    one, right = reader(tmp_path / "one.onnx")
    other, wrong = reader(tmp_path / "other.onnx", spoilt=3)
    np.save(tmp_path / "labels.npy", right)
    check = interop.check(one, other, on="ort", data=data, labels=tmp_path / "labels.npy")
    tokens = {side["label"]: side for side in check.document["tokens"]}
    assert tokens["onnxruntime:cpu"]["passes"]
    assert tokens["onnxruntime:cpu"]["sequences"] == ROWS
    found = tokens[other]
    assert not found["passes"]
    differing = np.flatnonzero((right != wrong).any(axis=1))
    assert [one["row"] for one in found["different"]] == list(differing)
    assert {one["first_difference"] for one in found["different"]} == {3}
    assert {one["common_prefix"] for one in found["different"]} == {3}
    row = found["different"][0]
    assert (row["source"], row["artifact"]) == (right[row["row"], 3], wrong[row["row"], 3])
    assert labelled(check)["onnxruntime:cpu"]["outputs"]["tokens"]["artifact"]["accuracy"] == 1
    assert labelled(check)[other]["outputs"]["tokens"]["flips"] == np.sum(right != wrong)
