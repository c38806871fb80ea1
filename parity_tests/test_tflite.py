"""TFLite as a target: every precision is what it says, and what has no operators is named."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import pytest
from interop.models import ZOO
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file, save_file

import interop
from interop import targets
from interop.errors import UnsupportedOperator, UsageError
from interop.graph.canonical import canonicalize
from interop.targets import lower
from interop.workers.tensors import read_tensors, write_tensors

pytestmark = pytest.mark.slow

QUICK = ("lstm_classifier", "keyword_spotter", "dlrm")
ZOO_WAYS = [pytest.param(n, marks=() if n in QUICK else pytest.mark.long) for n in ZOO]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """An .npz with one input of a small network, batch 4."""
    path = tmp_path_factory.mktemp("data") / "images.npz"
    rng = np.random.default_rng(2)
    np.savez(path, x=rng.standard_normal((4, 3, 16, 16)).astype(np.float32))
    return path


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """Convolution, ReLU, a padded pool, a mean and a product; 12 288 bytes of weights and more."""
    rng = np.random.default_rng(1)
    weights = {
        "filters": rng.standard_normal((64, 3, 3, 3)).astype(np.float32) / 5,
        "matrix": rng.standard_normal((64, 256)).astype(np.float32) / 8,
    }
    nodes = [
        helper.make_node("Conv", ["x", "filters"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["p"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("MatMul", ["f", "matrix"], ["y"]),
    ]
    return save(tmp_path_factory, nodes, weights, ["batch", 3, 16, 16], ["batch", 256])


def save(factory, nodes, weights, given, made):
    graph = helper.make_graph(
        nodes, "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, given)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, made)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )  # fmt: skip
    path = factory.mktemp("model") / "small.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path
    )
    return path


def converted(network, folder, **options):
    return interop.convert(str(network), target="tflite", output=folder, **options)


def written_again(open_worker, folder):
    """What was converted into folder / "out", as canonical ONNX."""
    open_worker("tflite").call(
        "load_and_export", reference=str(folder / "out" / "model.tflite"), inputs=None,
        outputs=None, path=str(folder / "again.onnx"), sizes={}, trust=False,
    )  # fmt: skip
    return canonicalize(folder / "again.onnx")


def test_precisions(network, images, tmp_path):
    whole = converted(network, tmp_path / "float32")
    half = converted(network, tmp_path / "float16", precision="float16")
    byte = converted(network, tmp_path / "int8", precision="int8", data=images)
    done = {"float32": whole, "float16": half, "int8": byte}
    for precision, one in done.items():
        assert one.manifest["target"]["precision"] == precision
    assert whole.grade == "A"
    # Each is held to what its own precision can give.
    figures = {name: one.manifest["parity"]["outputs"]["y"] for name, one in done.items()}
    bits = {name: one["effective_bits"] for name, one in figures.items()}
    assert 24 >= bits["float32"] > 22
    assert 11 >= bits["float16"] > 9
    # The floor of int8 is that of its products; TFLite quantizes what lies between them, too.
    assert 8 >= figures["int8"]["bits"] > bits["int8"] > 0
    assert figures["float16"]["bits"] == 11
    assert "what float16 does" in half.manifest["parity"]["summary"]
    assert "what float16 does" in half.manifest["rule"]["sentence"]
    assert half.passed
    sizes = {name: one.manifest["artifacts"][0]["bytes"] for name, one in done.items()}
    assert sizes["float32"] > 1.5 * sizes["float16"] > 1.5 * sizes["int8"]


def test_a_fault_that_is_no_rounding_of_float16_fails(network, tmp_path, monkeypatch):
    """One weight in a hundred off by a tenth."""
    build = targets.build

    def spoilt(target, worker, precision, calibration):
        path = target.folder / "weights.safetensors"
        weights = load_file(path)
        (name,) = [name for name, array in weights.items() if array.size == 64 * 256]
        weights[name].reshape(-1)[::100] *= np.float32(1.1)
        save_file(weights, path)
        return build(target, worker, precision, calibration)

    monkeypatch.setattr(targets, "build", spoilt)
    done = converted(network, tmp_path / "out", precision="float16")
    assert not done.passed
    assert done.manifest["rule"]["hop"] == "import"


@pytest.mark.parametrize("name", ZOO_WAYS)
def test_zoo(name, exported, tmp_path):
    """Loops over time included: with TFLite's own operators alone, its sizes open."""
    done = interop.convert(
        str(exported(name) / "model.onnx"), target="tflite", output=tmp_path / "out"
    )
    assert done.grade == "A", done.manifest["rule"]["sentence"]
    inputs = {one["name"]: one["shape"] for one in done.manifest["signature"]["inputs"]}
    assert inputs == {one.name: list(one.shape) for one in ZOO[name].inputs}


def test_transposed_convolutions_keep_their_pads(tmp_path_factory, tmp_path, open_worker):
    """Padded as SAME pads, they come back as they went; the last, which is not, as one that is cut."""
    rng = np.random.default_rng(1)
    nodes, weights = [], {}
    channels = (2, 4, 6, 4, 3)
    windows = [  # kernel, strides, pads, output_padding
        ([4, 4], [2, 2], [1, 1, 1, 1], [0, 0]),
        ([3, 2], [3, 2], [0, 0, 0, 0], [0, 0]),
        ([3, 4], [1, 3], [1, 0, 1, 1], [0, 0]),
        ([3, 3], [2, 2], [1, 1, 1, 1], [1, 1]),
    ]
    for number, (kernel, strides, pads, extra) in enumerate(windows):
        shape = (channels[number], channels[number + 1], *kernel)
        weights[f"w{number}"] = rng.standard_normal(shape).astype(np.float32)
        weights[f"b{number}"] = rng.standard_normal(shape[1]).astype(np.float32)
        operands = ["x" if number == 0 else f"x{number}", f"w{number}", f"b{number}"]
        result = "y" if number == 3 else f"x{number + 1}"
        nodes.append(
            helper.make_node(
                "ConvTranspose",
                operands,
                [result],
                strides=strides,
                pads=pads,
                output_padding=extra,
            )
        )
    path = save(tmp_path_factory, nodes, weights, ["batch", 2, 3, 5], ["batch", 3, "high", "wide"])
    assert converted(path, tmp_path / "out").grade == "A"
    counts = Counter(node.op_type for node in written_again(open_worker, tmp_path).graph)
    assert counts["ConvTranspose"] == 4
    assert counts["Slice"] == counts["Add"] == 1


_LOOPS = """<ir_version: 10, opset_import: ["": 20]>
g (float[time, batch, 3] x, float[batch, 3] h)
  => (float[batch, time, 3] all, float[time, batch, 1] sums, float[turns, batch, 3] halves, int64[turns] numbers)
<int64[1] second = {1}, int64 limit = {6}, bool yes = {1}, float half = {0.5},
 float least = {0.1}>
{
  last, all, sums = Scan <
    num_scan_inputs = 1, scan_input_directions = [1], scan_output_axes = [1, 0],
    scan_output_directions = [0, 1],
    body = step (float[batch, 3] s, float[batch, 3] v)
      => (float[batch, 3] new, float[batch, 3] kept, float[batch, 1] total) {
        sum = Add (s, v)
        new = Tanh (sum)
        kept = Identity (new)
        total = ReduceSum <keepdims = 1> (v, second)
      }
  > (h, x)
  end, halves, numbers = Loop <
    body = halve (int64 i, bool going, float[batch, 3] s)
      => (bool again, float[batch, 3] new, float[batch, 3] kept, int64 number) {
        number = Identity (i)
        new = Mul (s, half)
        kept = Add (new, s)
        sizes = Abs (new)
        top = ReduceMax <keepdims = 0> (sizes)
        again = Greater (top, least)
      }
  > (limit, yes, last)
}"""


def test_loops_of_open_lengths(open_worker, tmp_path):
    """A Scan both ways, and a Loop that data end early, of any batch: no lists of tensors are needed."""
    onnx.save(onnx.parser.parse_model(_LOOPS), tmp_path / "loops.onnx")
    lower(canonicalize(tmp_path / "loops.onnx"), "tflite", tmp_path)
    worker = open_worker("tflite")
    built = worker.call("build", source=str(tmp_path), path=str(tmp_path / "model.tflite"))
    assert "WHILE" in built["operators"]
    worker.call("load", path=str(tmp_path / "model.tflite"))
    session = onnxruntime.InferenceSession(tmp_path / "loops.onnx")
    names = [output.name for output in session.get_outputs()]
    rng, turns = np.random.default_rng(0), set()
    for number, (time, batch, scale) in enumerate([(5, 2, 1), (1, 3, 0.1), (7, 1, 4)]):
        given = {
            "x": (rng.standard_normal((time, batch, 3)) * scale).astype(np.float32),
            "h": (rng.standard_normal((batch, 3)) * scale).astype(np.float32),
        }
        write_tensors(tmp_path / f"in{number}", given)
        worker.call(
            "run", inputs=[str(tmp_path / f"in{number}")], outputs=[str(tmp_path / f"out{number}")]
        )
        got = read_tensors(tmp_path / f"out{number}")
        for name, expected in zip(names, session.run(names, given), strict=True):
            assert got[name].dtype == expected.dtype
            np.testing.assert_allclose(got[name], expected, rtol=1e-5, atol=1e-6)
        turns.add(len(got["numbers"]))
    assert len(turns) > 1


def test_int8_needs_data(network, tmp_path):
    with pytest.raises(UsageError, match="calibrate"):
        converted(network, tmp_path / "out", precision="int8")
    assert not (tmp_path / "out").exists()


def test_precisions_are_refused_where_there_are_none(network, tmp_path):
    with pytest.raises(UsageError, match="not written in float16"):
        interop.convert(
            str(network), target="tensorflow", output=tmp_path / "out", precision="float16"
        )


def test_operators_of_tensorflow_alone_are_named(tmp_path_factory, tmp_path):
    nodes = [helper.make_node("Det", ["x"], ["y"])]
    path = save(tmp_path_factory, nodes, {}, ["batch", 3, 3], ["batch"])
    with pytest.raises(UnsupportedOperator, match="MatrixDeterminant"):
        converted(path, tmp_path / "out")
