"""Caffe: its own networks out of it, layer by layer and from old files; what is refused, and why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from caffe_layers import CASES, case, given, layer, one
from interop.models import ZOO

from interop.environments import provide
from interop.errors import EnvironmentUnavailable, InvalidModel, UnsupportedOperator, UsageError
from interop.workers.tensors import read_tensors, write_tensors


@pytest.fixture(scope="module", autouse=True)
def environment():
    try:
        return provide("caffe")
    except EnvironmentUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def worker(open_worker):
    return open_worker("caffe", "caffe_models")


@pytest.fixture
def saved(worker, tmp_path):
    """saved(text): a folder with that network and weights drawn for it, as Caffe saves them."""

    def save(text, **options):
        worker.call("save", text=text, folder=str(tmp_path), **options)
        return tmp_path

    return save


def export(worker, reference, path, **declared):
    options = {"inputs": None, "outputs": None, "sizes": {}, "trust": False, **declared}
    return worker.call("load_and_export", reference=str(reference), path=str(path), **options)


def outputs_of(worker, folder, arrays):
    """What Caffe gives for these inputs, and ONNX Runtime for the model.onnx in the folder."""
    write_tensors(folder / "in", arrays)
    worker.call("run", inputs=[str(folder / "in")], outputs=[str(folder / "out")])
    session = onnxruntime.InferenceSession(
        folder / "model.onnx", providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return read_tensors(folder / "out"), dict(zip(names, session.run(names, arrays), strict=True))


def agree(theirs, ours):
    assert set(theirs) == set(ours)
    for name, array in theirs.items():
        assert array.shape == ours[name].shape
        scale = max(float(np.abs(array).max()), 1e-30)
        assert np.abs(array - ours[name]).max() < 2e-6 * scale, name


def drawn(case, graph, batch, rng):
    """Inputs for an exported graph, in which words are the batch."""
    shapes = {v.name: [d.dim_value or batch for d in v.type.tensor_type.shape.dim] for v in graph.input}  # fmt: skip
    return {name: case.draw(rng, name, shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_layer(worker, saved, case):
    folder = saved(case.text)
    answer = export(worker, folder / "model.prototxt", folder / "model.onnx")
    onnx.checker.check_model(folder / "model.onnx", full_check=True)
    graph = onnx.load(folder / "model.onnx").graph
    assert bool(answer["notes"]) == case.fixed
    rng = np.random.default_rng(0)
    for batch in (2,) if case.fixed else (2, 3):
        theirs, ours = outputs_of(worker, folder, drawn(case, graph, batch, rng))
        agree(theirs, ours)


def test_another_epsilon_is_noticed(worker, saved):
    """The comparison above finds what is planted: a batch norm of another network."""
    network = "batch_norm_param {{ eps: {} }}"
    folder = saved(one("", "BatchNorm", network.format(0.01)).text)
    export(worker, folder / "model.prototxt", folder / "model.onnx")
    text = (folder / "model.prototxt").read_text().replace("0.01", "0.0101")
    (folder / "model.prototxt").write_text(text)
    worker.call("load", path=str(folder))
    arrays = {"x": np.random.default_rng(0).standard_normal((2, 4, 7, 9)).astype(np.float32)}
    with pytest.raises(AssertionError):
        agree(*outputs_of(worker, folder, arrays))


def test_a_scale_behind_a_batch_norm_is_part_of_it(worker, saved):
    (normalized,) = (case for case in CASES if case.name == "batch_norm_and_scale")
    folder = saved(normalized.text)
    export(worker, folder / "model.prototxt", folder / "model.onnx")
    nodes = [node.op_type for node in onnx.load(folder / "model.onnx").graph.node]
    assert nodes == ["BatchNormalization", "Relu", "Identity"]


def test_blobs_of_four_axes(worker, saved):
    """As Caffe saved them before 2015, in layers whose types are numbers."""
    (old,) = (case for case in CASES if case.name == "old_layers")
    folder = saved(old.text, old=True)
    export(worker, folder / "model.prototxt", folder / "model.onnx")
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 6)).astype(np.float32)
    agree(*outputs_of(worker, folder, {"x": x}))


def test_sizes_that_are_asked_for(worker, saved):
    folder = saved(
        one("", "Convolution", "convolution_param { num_output: 2 kernel_size: 3 }").text
    )
    wanted = [{"name": "x", "dtype": "float32", "shape": ["batch", 4, 12, 5]}]
    export(worker, folder / "model.prototxt", folder / "model.onnx", inputs=wanted)
    x = np.random.default_rng(0).standard_normal((3, 4, 12, 5)).astype(np.float32)
    agree(*outputs_of(worker, folder, {"x": x}))
    wanted[0]["shape"][1] = 5
    with pytest.raises(UsageError, match="cannot take inputs of the sizes"):
        export(worker, folder / "model.prototxt", folder / "model.onnx", inputs=wanted)


@pytest.mark.parametrize("reference", ["", "net.prototxt", "net.caffemodel"])
@pytest.mark.parametrize("names", [("net", "net"), ("net", "trained"), ("net", "model")])
def test_the_pair_is_found_by_either(worker, saved, reference, names):
    folder = saved(one("", "InnerProduct", "inner_product_param { num_output: 2 }").text)
    (folder / "model.prototxt").rename(folder / f"{names[0]}.prototxt")
    (folder / "model.caffemodel").rename(folder / f"{names[1]}.caffemodel")
    if reference.endswith("caffemodel"):
        reference = f"{names[1]}.caffemodel"
    answer = export(worker, folder / reference, folder / "model.onnx")
    assert answer["inputs"] == ["x"]


def test_a_partner_that_is_not_told(worker, saved):
    folder = saved(one("", "InnerProduct", "inner_product_param { num_output: 2 }").text)
    for name in ("one", "two"):
        (folder / f"{name}.caffemodel").write_bytes(b"")
    (folder / "model.caffemodel").unlink()
    with pytest.raises(InvalidModel, match=r"several \.caffemodel: one\.caffemodel, two"):
        export(worker, folder, folder / "model.onnx")
    for name in ("one", "two"):
        (folder / f"{name}.caffemodel").unlink()
    with pytest.raises(InvalidModel, match=r"no \.caffemodel beside .*these layers .*: y"):
        export(worker, folder / "model.prototxt", folder / "model.onnx")
    (folder / "model.prototxt").rename(folder / "model.caffemodel")
    with pytest.raises(InvalidModel, match=r"no \.prototxt beside"):
        export(worker, folder / "model.caffemodel", folder / "model.onnx")
    with pytest.raises(InvalidModel, match=r"holds no \.prototxt"):
        export(worker, folder, folder / "model.onnx")
    assert not (folder / "model.onnx").exists()


def test_layers_without_weights_are_all_named(worker, saved):
    """Caffe loads such a network without a word, and computes with random weights."""
    folder = saved(one("", "ReLU").text)
    learned = "inner_product_param { num_output: 2 }"
    text = given("x", 1, 3) + layer("InnerProduct", learned, "x", "first")
    (folder / "model.prototxt").write_text(text + layer("InnerProduct", learned, "first", "second"))
    with pytest.raises(InvalidModel, match="no weights for: first, second"):
        worker.call("load", path=str(folder))


def test_weights_of_another_shape_are_named(worker, saved):
    """Caffe would end the process."""
    network = "convolution_param {{ num_output: {} kernel_size: 3 }}"
    folder = saved(one("", "Convolution", network.format(2)).text)
    (folder / "model.prototxt").write_text(one("", "Convolution", network.format(3)).text)
    with pytest.raises(
        InvalidModel, match=r"another shape for: y .*\(3, 4, 3, 3\).*\(2, 4, 3, 3\)"
    ):
        worker.call("load", path=str(folder))


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("model.caffemodel", b"\xff" * 9, "is not a caffemodel"),
        ("model.prototxt", b"layer { name: ", "is not a network of Caffe"),
        ("model.prototxt", b"\xff\xfe", "it is no text"),
        ("model.prototxt", b"name: 'nothing'", "it holds no layer"),
        ("model.prototxt", b"layer { type: 'ReLU' colour: 3 }", 'no field named "colour"'),
    ],
)
def test_broken_files(worker, saved, file, content, message):
    folder = saved(one("", "PReLU").text)
    (folder / file).write_bytes(content)
    with pytest.raises(InvalidModel, match=message):
        export(worker, folder, folder / "model.onnx")


def test_what_caffe_itself_refuses_is_told_with_its_layer(worker, saved):
    folder = saved(one("", "ReLU").text)
    text = given("x", 1, 3, 4, 4) + layer("ReLU", "", "x", "fine")
    text += layer("Convolution", "convolution_param { num_output: 2 }", "fine", "wrong")
    (folder / "model.prototxt").write_text(text)
    with pytest.raises(InvalidModel, match=r"at layer 'wrong': .*kernel"):
        export(worker, folder, folder / "model.onnx")


def test_layers_that_have_no_onnx_form_are_all_named(worker, saved, tmp_path):
    """None is made for it: the Python layer would have run its code."""
    folder = saved(one("", "ReLU").text)
    (tmp_path / "spoilt.py").write_text("raise SystemExit('it ran')")
    text = given("x", 1, 3) + layer(
        "Python", 'python_param { module: "spoilt" layer: "L" }', tops="p"
    )
    text += layer("ROIPooling", "roi_pooling_param { pooled_h: 3 }", "p", "b")
    text += layer("SoftmaxWithLoss", "", "p x", "l")
    text += layer("Data", "", "", "d") + layer("HDF5Data", "include { phase: TRAIN }", "", "h")
    (folder / "model.prototxt").write_text(text)
    with pytest.raises(UnsupportedOperator) as caught:
        export(worker, folder, folder / "model.onnx")
    message = caught.value.message
    assert message.startswith("4 layer(s)")
    for name in ("Python (p)", "ROIPooling (b)", "SoftmaxWithLoss (l)", "Data (d)"):
        assert name in message
    assert not (folder / "model.onnx").exists()


def test_windows_without_data_are_refused(worker, saved):
    """There Caffe's maximum is that of nothing, the lowest float."""
    folder = saved(
        one("", "Pooling", "pooling_param { kernel_size: 1 stride: 2 }", (1, 2, 4, 4)).text
    )
    with pytest.raises(UnsupportedOperator, match="hold no data"):
        export(worker, folder, folder / "model.onnx")


def test_it_is_timed(worker, saved):
    folder = saved(case("", given("x", 1, 3, 4), layer("ReLU")).text)
    worker.call("load", path=str(folder))
    write_tensors(folder / "in", {"x": np.ones((1, 3, 4), "float32")})
    seconds = worker.call("time", inputs=str(folder / "in"), runs=3, warmup=1)["seconds"]
    assert len(seconds) == 3
    assert min(seconds) > 0


#: resnet50 is resnet18 with more of the same.
DEFINED = [
    pytest.param(name, marks=pytest.mark.long if name == "resnet50" else pytest.mark.slow)
    for name, entry in ZOO.items()
    if "caffe" in entry.definitions
]


@pytest.mark.parametrize("name", DEFINED)
def test_definitions_agree(name, exported, open_worker, tmp_path):
    """With torch's, on the same weights."""
    folder, entry, worker = Path(exported(name)), ZOO[name], open_worker("caffe")
    specs = [{"name": i.name, "dtype": i.dtype, "shape": list(i.shape)} for i in entry.inputs]
    declared = {"inputs": specs, "outputs": list(entry.outputs)}
    export(worker, entry.definitions["caffe"], tmp_path / "caffe.onnx", **declared)
    worker.call("run", inputs=[str(folder / "in")], outputs=[str(tmp_path / "out")])
    expected, got = read_tensors(folder / "torch"), read_tensors(tmp_path / "out")
    assert set(got) == set(expected)
    for output, array in expected.items():
        truth = np.asarray(array, np.float64)
        assert np.sqrt(np.mean((got[output] - truth) ** 2) / np.mean(truth**2)) < 1e-5
