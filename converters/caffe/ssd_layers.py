"""Layers of SSD's Caffe as Python layers, by which Caffe 1.0 runs a network that has them.

`param_str` holds the layer's parameters as JSON, defaults and all. Nothing else of Python is run.
"""

import json
import math
from typing import Any

import caffe
import numpy as np
from interop.converters.caffe.detection import detections


class Normalize(caffe.Layer):
    """Each entry over the root of the sum of squares, of all channels at its place or of the whole
    sample; times a weight, one a channel or one for all."""

    def setup(self, bottom: Any, top: Any) -> None:
        self._given = json.loads(self.param_str)
        shape = [] if self._given["channel_shared"] else [bottom[0].channels]
        self.blobs.add_blob(*shape)

    def reshape(self, bottom: Any, top: Any) -> None:
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom: Any, top: Any) -> None:
        x, weight = bottom[0].data, self.blobs[0].data
        axes = tuple(range(1, x.ndim)) if self._given["across_spatial"] else (1,)
        root = np.sqrt(np.sum(x * x, axis=axes, keepdims=True) + np.float32(self._given["eps"]))
        beside = [-1] + [1] * (x.ndim - 2)
        top[0].data[...] = x / root * (weight.reshape(beside) if weight.ndim else weight)


class PriorBox(caffe.Layer):
    """Boxes around each place of the first bottom, as parts of the second, an image."""

    def setup(self, bottom: Any, top: Any) -> None:
        self._given = json.loads(self.param_str)

    def reshape(self, bottom: Any, top: Any) -> None:
        self._boxes = prior_boxes(self._given, list(bottom[0].shape)[2:], list(bottom[1].shape)[2:])
        top[0].reshape(*self._boxes.shape)

    def forward(self, bottom: Any, top: Any) -> None:
        top[0].data[...] = self._boxes


class DetectionOutput(caffe.Layer):
    """The boxes found, as many as they are: locations, scores and PriorBox's boxes come in."""

    def setup(self, bottom: Any, top: Any) -> None:
        self._given = json.loads(self.param_str)
        if not self._given["num_classes"]:
            raise ValueError("DetectionOutput needs num_classes")
        if self._given["share_location"] and self._given["background_label_id"] == -1:
            raise ValueError(
                "DetectionOutput takes -1 for the class of shared locations, and so no boxes of them; where"
                " no class is the background, background_label_id is one that there is not"
            )

    def reshape(self, bottom: Any, top: Any) -> None:
        boxes, classes = bottom[2].shape[2] // 4, self._given["num_classes"]
        wanted = [boxes * (1 if self._given["share_location"] else classes) * 4, boxes * classes]
        found = [blob.count // blob.num for blob in (bottom[0], bottom[1])]
        if found != wanted:
            raise ValueError(
                f"DetectionOutput has {found} locations and scores an image, and {boxes} boxes of"
                f" {classes} classes have {wanted}"
            )
        top[0].reshape(1, 1, 1, 7)  # that it may be more shows when it runs

    def forward(self, bottom: Any, top: Any) -> None:
        offsets, scores = (blob.data.reshape(blob.num, -1) for blob in (bottom[0], bottom[1]))
        found = detections(self._given, offsets, scores, bottom[2].data)
        top[0].reshape(*found.shape)
        top[0].data[...] = found


#: By the type that a prototxt of SSD's Caffe has for them.
LAYERS = {"Normalize": Normalize, "PriorBox": PriorBox, "DetectionOutput": DetectionOutput}


def prior_boxes(given: dict[str, Any], features: Any, image: Any) -> np.ndarray:
    """[1, 2, boxes · 4]: left, top, right, bottom of each box, then the variances of each.

    given: the parameters; features, image: (height, width).
    """
    size = [given["img_h"] or given["img_size"], given["img_w"] or given["img_size"]]
    size = [own or there for own, there in zip(size, image)]
    steps = [given["step_h"] or given["step"], given["step_w"] or given["step"]]
    steps = [own or whole / count for own, whole, count in zip(steps, size, features)]
    shapes = np.array(_shapes(given))  # [boxes of a place, (width, height)]
    y, x = ((np.arange(count) + given["offset"]) * step for count, step in zip(features, steps))
    centres = np.stack([grid.T for grid in np.meshgrid(x, y, indexing="ij")], axis=-1)
    centres = centres[:, :, np.newaxis]
    corners = np.concatenate([centres - shapes / 2, centres + shapes / 2], axis=-1)
    corners /= [size[1], size[0], size[1], size[0]]
    if given["clip"]:
        corners = np.clip(corners, 0, 1)
    variance = given["variance"] or [0.1]
    variances = np.tile(variance * (4 // len(variance)), corners.size // 4)
    return np.stack([corners.reshape(-1), variances])[np.newaxis].astype(np.float32)


def _shapes(given: dict[str, Any]) -> list[tuple[float, float]]:
    """(width, height) of the boxes of one place: the smallest square, one up to the largest, and
    those of other ratios."""
    ratios: list[float] = []
    for ratio in given["aspect_ratio"]:
        for one in (ratio, 1 / ratio) if given["flip"] else (ratio,):
            if all(abs(one - known) >= 1e-6 for known in [1.0, *ratios]):
                ratios.append(one)
    shapes = []
    for index, smallest in enumerate(given["min_size"]):
        shapes.append((smallest, smallest))
        if given["max_size"]:
            middle = math.sqrt(smallest * given["max_size"][index])
            shapes.append((middle, middle))
        shapes += [(smallest * math.sqrt(r), smallest / math.sqrt(r)) for r in ratios]
    return shapes
