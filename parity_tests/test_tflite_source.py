"""TFLite as a source: each operator against LiteRT, quantized models, state, signatures, refusals."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

import interop
from interop.errors import InvalidModel, UnsupportedOperator, UsageError
from interop.workers.tensors import read_tensors, write_tensors

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def worker(open_worker):
    return open_worker("tflite", "tflite_files")


def export(worker, path, onnx_path, **declared):
    options = {"inputs": None, "outputs": None, "sizes": {}, "trust": False, **declared}
    return worker.call("load_and_export", reference=str(path), path=str(onnx_path), **options)


def session(path):
    """ONNX Runtime as the standard has it: no layers made of Quantize and Dequantize pairs."""
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def both(worker, onnx_path, tmp_path, arrays):
    """(what LiteRT gives for the file that was exported last, what ONNX Runtime gives), by name."""
    write_tensors(tmp_path / "in", arrays)
    worker.call("run", inputs=[str(tmp_path / "in")], outputs=[str(tmp_path / "out")])
    expected = {name: np.array(a) for name, a in read_tensors(tmp_path / "out").items()}
    ran = session(onnx_path)
    names = [output.name for output in ran.get_outputs()]
    got = dict(zip(names, ran.run(names, arrays), strict=True))
    assert list(got) == list(expected) or sorted(got) == sorted(expected)
    for name, array in got.items():
        assert array.dtype == expected[name].dtype
        assert array.shape == expected[name].shape
    return expected, got


#: How `write_cases` and `write_by_hand` come to their files: by TensorFlow's converter, and without it.
@pytest.mark.parametrize(("how", "least"), [("write_cases", 110), ("write_by_hand", 6)])
def test_operators(how, least, worker, tmp_path):
    """Every case, each against LiteRT; its file holds the operator that it is named for."""
    found = worker.call(how, folder=str(tmp_path))["found"]
    wrong = []
    for name, operators in found.items():
        if isinstance(operators, str) or name.split(" ")[0] not in operators:
            wrong.append(f"{name}: the file has {operators}")
            continue
        try:
            one_case(worker, tmp_path / f"{name}.tflite", name, tmp_path)
        except Exception as error:  # noqa: BLE001 - all of them are told at once
            wrong.append(f"{name}: {type(error).__name__}: {str(error).strip()[:400]}")
    assert not wrong, "\n".join(wrong)
    assert len(found) >= least


def one_case(worker, path, name, tmp_path):
    export(worker, path, tmp_path / "m.onnx")
    onnx.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)
    worker.call("write_arguments", name=name, folder=str(tmp_path / "drawn"))
    arrays = {key: np.array(a) for key, a in read_tensors(tmp_path / "drawn").items()}
    expected, got = both(worker, tmp_path / "m.onnx", tmp_path, arrays)
    for key, array in got.items():
        np.testing.assert_allclose(array, expected[key], rtol=1e-5, atol=2e-6)


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.fixture(scope="module")
def network(worker, tmp_path_factory):
    """network(kind): the path of a small network of windows, quantized in that way."""
    folder = tmp_path_factory.mktemp("networks")

    def make(kind):
        path = folder / f"{kind}.tflite"
        if not path.exists():
            worker.call("write_network", path=str(path), kind=kind)
        return path

    return make


@pytest.mark.parametrize("kind", ["float16", "dynamic", "int8"])
def test_quantized_networks_are_the_same_function(kind, network, tmp_path):
    """Held against LiteRT by the whole proof. A or B: XNNPACK's softmax rounds coarsely, and where
    data are quantized rounding alone decides some steps."""
    done = interop.convert(str(network(kind)), target="torch", output=tmp_path / "out")
    assert done.passed, done.manifest["rule"]["sentence"]
    [given] = done.manifest["signature"]["inputs"]
    assert given["shape"] == ["batch", 12, 12, 3]
    assert given["dtype"] == ("int8" if kind == "int8" else "float32")


def test_int8_is_exact(network, worker, tmp_path):
    """QDQ pairs, per channel where the file says so; of 4000 numbers hardly one is not LiteRT's."""
    export(worker, network("int8"), tmp_path / "m.onnx")
    nodes = onnx.load(tmp_path / "m.onnx").graph.node
    assert sum(node.op_type == "QuantizeLinear" for node in nodes) > 5
    x = np.random.default_rng(0).integers(-128, 128, (800, 12, 12, 3)).astype(np.int8)
    expected, got = both(worker, tmp_path / "m.onnx", tmp_path, {"x": x})
    steps = np.abs(expected["y"].astype(int) - got["y"].astype(int))
    assert steps.size == 4000
    assert np.mean(steps > 0) < 0.002
    assert steps.max() < 10  # of 256: a step in a sum is several behind a softmax
    assert len(np.unique(expected["y"])) > 20


def test_a_planted_fault_in_a_scale(network, worker, tmp_path):
    """One scale, a hundredth larger, shows."""
    export(worker, network("int8"), tmp_path / "m.onnx")
    model = onnx.load(tmp_path / "m.onnx")
    [scale] = [one for one in model.graph.initializer if one.name == "scale_3"]
    array = onnx.numpy_helper.to_array(scale) * np.float32(1.01)
    scale.CopyFrom(onnx.numpy_helper.from_array(array, scale.name))
    onnx.save(model, tmp_path / "m.onnx")
    x = np.random.default_rng(0).integers(-128, 128, (800, 12, 12, 3)).astype(np.int8)
    expected, got = both(worker, tmp_path / "m.onnx", tmp_path, {"x": x})
    assert np.mean(expected["y"] != got["y"]) > 0.02


def test_signatures_are_listed_and_chosen(network, worker, tmp_path):
    path = network("signatures")
    with pytest.raises(UsageError, match="no signature serving_default; it has: part, whole"):
        export(worker, path, tmp_path / "m.onnx")
    with pytest.raises(UsageError, match="no signature other"):
        export(worker, path, tmp_path / "m.onnx", signature="other")
    for signature, output in (("whole", "y"), ("part", "z")):
        export(worker, path, tmp_path / "m.onnx", signature=signature)
        expected, got = both(worker, tmp_path / "m.onnx", tmp_path, {"x": drawn(3, 12, 12, 3)})
        assert list(got) == [output]
        np.testing.assert_allclose(got[output], expected[output], rtol=1e-5, atol=1e-6)


def test_a_recurrent_layer_starts_from_zero_each_time(worker, tmp_path):
    """Its states are variable tensors, which LiteRT keeps from call to call."""
    worker.call("write_by_hand", folder=str(tmp_path))
    answer = export(worker, tmp_path / "UNIDIRECTIONAL_SEQUENCE_LSTM.tflite", tmp_path / "m.onnx")
    assert any("start each call from zero" in note for note in answer["notes"])
    for _ in range(2):
        expected, got = both(worker, tmp_path / "m.onnx", tmp_path, {"x0": drawn(2, 7, 3)})
        np.testing.assert_allclose(got["y"], expected["y"], rtol=1e-5, atol=1e-6)


def test_variables_are_inputs_and_outputs(worker, tmp_path):
    """A file that adds up what it is given, called three times; the state handed on by us."""
    path = tmp_path / "m.tflite"
    worker.call("write_counter", path=str(path))
    answer = export(worker, path, tmp_path / "m.onnx")
    [state] = [name for name in answer["inputs"] if name != "x"]
    assert answer["outputs"] == ["y", f"{state}_next"]
    assert any("at first they are all 5" in note for note in answer["notes"])
    inputs = [{"x": drawn(4, seed=seed)} for seed in range(3)]
    folders = [str(tmp_path / f"in{i}") for i in range(3)]
    for folder, arrays in zip(folders, inputs, strict=True):
        write_tensors(folder, arrays)
    made = [str(tmp_path / f"out{i}") for i in range(3)]
    worker.call("run_as_it_is", path=str(path), inputs=folders, outputs=made)
    ran, held = session(tmp_path / "m.onnx"), np.full(4, 5, np.float32)
    for arrays, folder in zip(inputs, made, strict=True):
        y, held = ran.run(answer["outputs"], {**arrays, state: held})
        np.testing.assert_allclose(y, read_tensors(folder)["y"], rtol=1e-6)


def test_unknown_operators_are_named_all_at_once(network, worker, tmp_path):
    path = tmp_path / "custom.tflite"
    path.write_bytes(network("float16").read_bytes())
    worker.call("rename_operators", path=str(path), names={"3": "AcmeConv", "25": "AcmeSoftmax"})
    with pytest.raises(UnsupportedOperator) as caught:
        interop.convert(str(path), target="torch", output=tmp_path / "out")
    for word in ("AcmeConv, 2 times", "AcmeSoftmax, 1 times"):
        assert f"custom operator {word}" in caught.value.message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("keep", [0.5, 0.999, None])
def test_files_that_are_none(keep, network, tmp_path):
    content = network("float16").read_bytes()
    path = tmp_path / "cut.tflite"
    path.write_bytes(b"not a model\n" * 20 if keep is None else content[: int(len(content) * keep)])
    with pytest.raises(InvalidModel, match=r"cut\.tflite is not a TFLite model, or is truncated"):
        interop.convert(str(path), target="torch", output=tmp_path / "out")
    assert not (tmp_path / "out").exists()
