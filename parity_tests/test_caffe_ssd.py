"""Networks of SSD's Caffe, against OpenCV's reader of them."""

from __future__ import annotations

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from caffe_layers import given, layer

import interop
from interop.environments import provide
from interop.errors import EnvironmentUnavailable
from interop.workers.tensors import read_tensors, write_tensors


@pytest.fixture(scope="module", autouse=True)
def environment():
    try:
        return provide("caffe")
    except EnvironmentUnavailable as error:
        pytest.skip(str(error))


#: The head of an SSD: features normalized, boxes and scores by convolutions, boxes to start from.
_CONV = "convolution_param {{ num_output: {} kernel_size: 3 pad: 1 {} }}"
_ORDER = "permute_param { order: 0 order: 2 order: 3 order: 1 }"
_PRIORS = """prior_box_param {{ min_size: 16 max_size: 40 aspect_ratio: 2 aspect_ratio: 3 {} offset: 0.5
 variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2 }}"""


def head(normalize, priors):
    return "".join(
        [
            given("data", 1, 3, 64, 48),
            layer("Convolution", _CONV.format(8, "stride: 4"), "data", "features"),
            layer("Normalize", f"norm_param {{ {normalize} }}", "features", "norm"),
            layer("Convolution", _CONV.format(6 * 4, ""), "norm", "boxes"),
            layer("Permute", _ORDER, "boxes", "boxes_last"),
            layer("Flatten", "", "boxes_last", "loc"),
            layer("Convolution", _CONV.format(6 * 3, ""), "norm", "scores"),
            layer("Permute", _ORDER, "scores", "scores_last"),
            layer("Reshape", "reshape_param { shape { dim: 0 dim: -1 dim: 3 } }", "scores_last", "by_class"),
            layer("Softmax", "softmax_param { axis: 2 }", "by_class", "softmax"),
            layer("Flatten", "", "softmax", "conf"),
            layer("PriorBox", _PRIORS.format(priors), "norm data", "priors"),
        ]
    )  # fmt: skip


CASES = [
    ("across_spatial: false channel_shared: false", "flip: true clip: false step: 4"),
    ("across_spatial: true channel_shared: true", "flip: true clip: true"),
]


@pytest.mark.parametrize(("normalize", "priors"), CASES)
def test_against_opencv(open_worker, tmp_path, normalize, priors):
    worker = open_worker("caffe", "caffe_models")
    worker.call("save", text=head(normalize, priors), folder=str(tmp_path))
    worker.call(
        "load_and_export", reference=str(tmp_path / "model.prototxt"),
        path=str(tmp_path / "model.onnx"), inputs=None, outputs=None, sizes={}, trust=False,
    )  # fmt: skip
    onnx.checker.check_model(tmp_path / "model.onnx", full_check=True)
    image = np.random.default_rng(0).standard_normal((1, 3, 64, 48)).astype(np.float32)
    write_tensors(tmp_path / "in", {"data": image})
    worker.call("run", inputs=[str(tmp_path / "in")], outputs=[str(tmp_path / "out")])
    ours = read_tensors(tmp_path / "out")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    names = [output.name for output in session.get_outputs()]
    exported = dict(zip(names, session.run(names, {"data": image}), strict=True))
    net = cv2.dnn.readNetFromCaffe(
        str(tmp_path / "model.prototxt"), str(tmp_path / "model.caffemodel")
    )
    net.setInput(image)
    order = ["loc", "conf", "priors"]
    theirs = dict(zip(order, net.forward(order), strict=True))
    assert set(ours) == set(exported) == set(theirs)
    for name, expected in theirs.items():
        for given_ in (ours[name], exported[name]):
            assert given_.shape == expected.shape
            np.testing.assert_allclose(given_, expected, rtol=1e-5, atol=2e-6)
    assert ours["priors"].shape == (1, 2, 16 * 12 * 6 * 4)


_FOUND = """detection_output_param { num_classes: 3 share_location: true background_label_id: 0
 nms_param { nms_threshold: 0.45 top_k: 16 } code_type: CENTER_SIZE keep_top_k: 20
 confidence_threshold: 0.4 }"""


@pytest.mark.slow
@pytest.mark.parametrize("target", ["tf", "torch", "keras"])
def test_whole_across(open_worker, tmp_path, target):
    """Boxes, scores and what is found of them, in another framework."""
    text = head(*CASES[0]) + layer("DetectionOutput", _FOUND, "loc conf priors", "found")
    open_worker("caffe", "caffe_models").call("save", text=text, folder=str(tmp_path))
    done = interop.convert(str(tmp_path), source="caffe", target=target, output=tmp_path / "out")
    assert done.grade == "A"
    (found,) = done.manifest["signature"]["outputs"]
    assert (found["name"], found["shape"]) == ("found", [1, 1, "found_rows", 7])
