"""DetectionOutput of SSD's Caffe, against OpenCV's: what Caffe runs here, and what is exported."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from caffe_layers import given, layer

from interop.environments import provide
from interop.errors import EnvironmentUnavailable, InvalidModel, UnsupportedOperator
from interop.parity.truth.evaluator import Truth
from interop.workers.tensors import read_tensors, write_tensors

BOXES, CLASSES = 40, 4


@pytest.fixture(scope="module", autouse=True)
def environment():
    try:
        return provide("caffe")
    except EnvironmentUnavailable as error:
        pytest.skip(str(error))


def network(images=3, locations=1, threshold=0.45, top_k=-1, prior_rows=2, **settings):
    """The layer alone. OpenCV wants to be told what Caffe takes by default, too."""
    settings = {
        "share_location": "true" if locations == 1 else "false",
        "background_label_id": 0,
        "keep_top_k": 50,
        "nms_param": f"{{ nms_threshold: {threshold} top_k: {top_k} }}",
        **settings,
    }
    words = " ".join(f"{name}: {value}" for name, value in settings.items())
    return (
        given("loc", images, BOXES * locations * 4)
        + given("conf", images, BOXES * CLASSES)
        + given("priors", 1, prior_rows, BOXES * 4)
        + layer(
            "DetectionOutput",
            f"detection_output_param {{ num_classes: {CLASSES} {words} }}",
            "loc conf priors",
            "found",
        )
    )


def feeds(images=3, locations=1, seed=0):
    """As a trained head gives them: boxes all over the image, near the places that they started from,
    and no two scores alike."""
    rng = np.random.default_rng(seed)
    centres, sizes = rng.uniform(0.1, 0.9, (BOXES, 2)), rng.uniform(0.1, 0.5, (BOXES, 2))
    corners = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)
    variances = np.tile([0.1, 0.1, 0.2, 0.2], (BOXES, 1))
    scores = (rng.permutation(images * BOXES * CLASSES) + 1) / (images * BOXES * CLASSES + 1)
    values = {
        "loc": rng.standard_normal((images, BOXES * locations * 4)) * 0.5,
        "conf": scores.reshape(images, -1),
        "priors": np.stack([corners.reshape(-1), variances.reshape(-1)])[np.newaxis],
    }
    return {name: value.astype(np.float32) for name, value in values.items()}


def opencv(folder, values, settings):
    """What OpenCV finds, in Caffe's order: by image, by class, best first.

    OpenCV has CORNER_SIZE as CORNER, no variances where they are encoded, and rows of zeros after
    the boxes found.
    """
    values = dict(values)
    if settings["code_type"] == "CORNER_SIZE":
        corners = values["priors"][0, 0].reshape(-1, 1, 4)
        size = np.tile(corners[..., 2:] - corners[..., :2], 2)
        values["loc"] = (values["loc"].reshape(len(values["loc"]), BOXES, -1, 4) * size).reshape(
            values["loc"].shape
        )
        settings = {**settings, "code_type": "CORNER"}
    if settings.get("variance_encoded_in_target") == "true":
        values["priors"], settings = values["priors"][:, :1], {**settings, "prior_rows": 1}
    (folder / "opencv.prototxt").write_text(network(**settings))
    net = cv2.dnn.readNetFromCaffe(str(folder / "opencv.prototxt"))
    for name, value in values.items():
        net.setInput(value, name)
    (rows,) = net.forward("found")[0]
    rows = rows[rows[:, 2] > 0]
    return rows[np.lexsort([-rows[:, 2], rows[:, 1], rows[:, 0]])]


class Ours:
    """One network by Caffe with our layer, and by our export."""

    def __init__(self, worker, folder: Path, text: str):
        self._worker, self._folder = worker, folder
        worker.call("save", text=text, folder=str(folder))
        worker.call(
            "load_and_export", reference=str(folder / "model.prototxt"),
            path=str(folder / "model.onnx"), inputs=None, outputs=None, sizes={}, trust=False,
        )  # fmt: skip
        onnx.checker.check_model(folder / "model.onnx", full_check=True)
        self._session = onnxruntime.InferenceSession(folder / "model.onnx")
        self._truth = Truth(onnx.load(folder / "model.onnx"))

    def __call__(self, values):
        """The rows that Caffe gives, that ONNX Runtime does, and that are true of the export."""
        write_tensors(self._folder / "in", values)
        self._worker.call(
            "run", inputs=[str(self._folder / "in")], outputs=[str(self._folder / "out")]
        )
        results = (
            read_tensors(self._folder / "out")["found"],
            self._session.run(["found"], values)[0],
            self._truth.run(values)["found"],
        )
        for result in results:
            assert result.shape == (1, 1, result.shape[2], 7)
        return [np.array(result[0, 0]) for result in results]


@pytest.fixture
def ours(open_worker, tmp_path):
    return lambda **settings: Ours(
        open_worker("caffe", "caffe_models"), tmp_path, network(**settings)
    )


CODES = [
    {"code_type": code, "variance_encoded_in_target": encoded, "confidence_threshold": 0.3}
    for code, encoded in itertools.product(
        ("CORNER", "CENTER_SIZE", "CORNER_SIZE"), ("true", "false")
    )
]
CHOICES = [
    {"keep_top_k": 12},
    {"keep_top_k": 100, "threshold": 0.6, "top_k": 5},
    {"keep_top_k": 7, "confidence_threshold": 0.8, "top_k": 9},
    {"keep_top_k": 500, "background_label_id": 2, "threshold": 1.0, "top_k": 400},
    {"background_label_id": CLASSES, "threshold": 0.01},
    {"keep_top_k": 20, "save_output_param": '{ label_map_file: "labelmap_voc.prototxt" }'},
]


@pytest.mark.parametrize("locations", [1, CLASSES], ids=["shared", "by_class"])
@pytest.mark.parametrize("settings", CODES + [{"code_type": "CENTER_SIZE", **c} for c in CHOICES])
def test_against_opencv(ours, tmp_path, settings, locations):
    settings, values = {"locations": locations, **settings}, feeds(locations=locations)
    run = ours(**settings)
    expected = opencv(tmp_path, values, settings)
    assert len(expected) >= 20
    for rows in run(values):
        assert rows.shape == expected.shape
        np.testing.assert_allclose(rows, expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize(
    "change",
    [{"keep_top_k": 60}, {"threshold": 0.4}, {"top_k": 8}, {"confidence_threshold": 0.9},
     {"background_label_id": 1}, {"code_type": "CORNER"}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_every_setting_is_seen(ours, tmp_path, change):
    """A planted fault: what one setting changes is not taken for the same."""
    settings = {"code_type": "CENTER_SIZE", "keep_top_k": 40, "top_k": 30}
    expected = opencv(tmp_path, feeds(), settings)
    for rows in ours(**{**settings, **change})(feeds()):
        assert rows.shape != expected.shape or not np.allclose(rows, expected, atol=1e-3)


def test_where_it_is_close(ours, tmp_path):
    """Overlaps and scores that are just at their thresholds, equal scores, boxes without an inside."""
    settings = {"code_type": "CORNER", "variance_encoded_in_target": "true",
                "confidence_threshold": 0.25, "threshold": 0.5}  # fmt: skip
    rows = [
        ((0, 0, 1, 1), 0.9, True),
        ((0, 0, 1, 0.5), 0.8, True),  # covers just half of the first
        ((0, 0, 1, 0.51), 0.7, False),  # and a little more
        ((1, 0, 2, 1), 0.65, True),  # begins where the first ends
        (
            (0.9, 0.9, 0.1, 0.1),
            0.6,
            True,
        ),  # right of its right: empty, for all that lies in the first
        ((0.1, 0.1, 0.1, 0.9), 0.55, True),  # of no width
        ((5, 5, 6, 6), 0.5, True),
        ((5, 5, 6, 6), 0.5, False),  # no better than the one before it
        ((7, 7, 8, 8), 0.25, False),  # no more than the least
        ((8, 8, 9, 9), 0.25000003, True),
    ]
    boxes, scores, _ = zip(*rows, strict=True)
    values = {
        "loc": np.zeros((1, BOXES, 4), np.float32),
        "conf": np.zeros((1, BOXES, CLASSES), np.float32),
        "priors": np.zeros((1, 2, BOXES * 4), np.float32),
    }
    values["loc"][0, : len(rows)], values["conf"][0, : len(rows), 2] = boxes, scores
    values = {"loc": values["loc"].reshape(1, -1), "conf": values["conf"].reshape(1, -1),
              "priors": values["priors"]}  # fmt: skip
    expected = np.array([[0, 2, score, *box] for box, score, keep in rows if keep], np.float32)
    np.testing.assert_array_equal(opencv(tmp_path, values, {"images": 1, **settings}), expected)
    for found in ours(images=1, **settings)(values):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("images", [1, 2, 5])
def test_any_number_of_images(ours, tmp_path, images):
    """Exported with three; one of them, in the middle, without a box."""
    settings = {"code_type": "CENTER_SIZE", "confidence_threshold": 0.5}
    values = feeds(images)
    values["conf"][images // 2] = 0.1 if images > 1 else values["conf"][0]
    expected = opencv(tmp_path, values, {"images": images, **settings})
    for rows in ours(**settings)(values):
        np.testing.assert_allclose(rows, expected, rtol=2e-6, atol=1e-6)


def test_nothing_found(ours):
    """One row an image, of -1 but for its number, as SSD's Caffe has it; OpenCV says it otherwise."""
    values = feeds(2)
    values["conf"][...] = 0.1
    for rows in ours(code_type="CENTER_SIZE", confidence_threshold=0.1)(values):
        np.testing.assert_array_equal(rows, [[0] + [-1] * 6, [1] + [-1] * 6])


def refused(open_worker, folder, text, error):
    (folder / "model.prototxt").write_text(text)
    with pytest.raises(error) as caught:
        open_worker("caffe", "caffe_models").call(
            "load_and_export", reference=str(folder / "model.prototxt"),
            path=str(folder / "model.onnx"), inputs=None, outputs=None, sizes={}, trust=False,
        )  # fmt: skip
    assert not (folder / "model.onnx").exists()
    return str(caught.value)


def test_an_eta_is_refused(open_worker, tmp_path):
    text = network(nms_param="{ nms_threshold: 0.45 eta: 0.9 }")
    said = refused(open_worker, tmp_path, text, UnsupportedOperator)
    assert "(found): its nms_param has an eta" in said
    assert "set it to 1" in said


def test_layers_behind_it_are_refused(open_worker, tmp_path):
    text = network() + layer("Power", "power_param { scale: 2 }", "found", "twice")
    assert "(twice): it reads boxes" in refused(open_worker, tmp_path, text, UnsupportedOperator)


@pytest.mark.parametrize(
    ("text", "why"),
    [(network(background_label_id=-1), "background_label_id"),
     (network(locations=2, share_location="true"), "40 boxes of 4 classes")],
    ids=["background", "sizes"],
)  # fmt: skip
def test_what_does_not_fit(open_worker, tmp_path, text, why):
    assert why in refused(open_worker, tmp_path, text, InvalidModel)
