"""What SSD's DetectionOutput computes (Liu et al., 2016): boxes decoded, and those kept that no better one
of their class covers. In NumPy, box after box; what the exporter writes instead is held against it."""

from typing import Any, Optional

import numpy as np


def detections(
    given: dict[str, Any], offsets: np.ndarray, scores: np.ndarray, priors: np.ndarray
) -> np.ndarray:
    """[1, 1, found, 7]: image, class, score, left, top, right, bottom; by image, by class, best first.

    given: the layer's parameters; offsets [images, boxes · classes · 4] (one class where they share
    their places), scores [images, boxes · classes], priors [1, 2, boxes · 4]: the boxes to start from,
    and variances. Where nothing is found there is one row an image, of -1 after its number.
    """
    images, rows = len(offsets), []
    places = decoded(given, offsets, priors)
    by_class = scores.reshape(images, -1, given["num_classes"])
    for image in range(images):
        found = _in_image(given, places[image], by_class[image])
        for label, box in found:
            place = places[image, box, 0 if given["share_location"] else label]
            rows.append([image, label, by_class[image, box, label], *place])
    rows = rows or [[image] + [-1] * 6 for image in range(images)]
    return np.array(rows, np.float32)[np.newaxis, np.newaxis]


def decoded(given: dict[str, Any], offsets: np.ndarray, priors: np.ndarray) -> np.ndarray:
    """[images, boxes, classes, (left, top, right, bottom)], as detections() is given them."""
    corners, variances = priors.reshape(2, -1, 1, 4)
    offsets = offsets.reshape(len(offsets), len(corners), -1, 4)
    if not given["variance_encoded_in_target"]:
        offsets = offsets * variances
    low, high = corners[..., :2], corners[..., 2:]
    size = high - low
    if given["code_type"] == "CORNER":
        return corners + offsets
    if given["code_type"] == "CORNER_SIZE":
        return corners + offsets * np.concatenate([size, size], axis=-1)
    centre = (low + high) / 2 + offsets[..., :2] * size
    half = np.exp(offsets[..., 2:]) * size / 2
    return np.concatenate([centre - half, centre + half], axis=-1)


def limit(value: Optional[int]) -> Optional[int]:
    """How many may be kept; None for all, which Caffe writes as -1."""
    return None if value is None or value < 0 else value


def _in_image(
    given: dict[str, Any], places: np.ndarray, scores: np.ndarray
) -> list[tuple[int, int]]:
    """The (class, box) that are kept; places [boxes, classes, 4], scores [boxes, classes]."""
    found = []
    for label in range(given["num_classes"]):
        if label != given["background_label_id"]:
            own = places[:, 0 if given["share_location"] else label]
            found += [(label, box) for box in _in_class(given, own, scores[:, label])]
    best = sorted(found, key=lambda one: -scores[one[1], one[0]])[: limit(given["keep_top_k"])]
    return sorted(best, key=lambda one: one[0])


def _in_class(given: dict[str, Any], places: np.ndarray, scores: np.ndarray) -> list[int]:
    """The boxes of one class that are kept, best first."""
    least, nms = given["confidence_threshold"], given["nms_param"]
    order = np.argsort(-scores, kind="stable")
    above = [int(box) for box in order if least is None or scores[box] > np.float32(least)]
    threshold, kept = np.float32(nms["nms_threshold"]), []  # type: np.float32, list[int]
    for box in above[: limit(nms["top_k"])]:
        if all(overlap(places[box], places[other]) <= threshold for other in kept):
            kept.append(box)
            if nms["eta"] < 1 and threshold > 0.5:
                threshold = threshold * np.float32(nms["eta"])
    return kept


def overlap(one: np.ndarray, other: np.ndarray) -> np.float32:
    """Intersection over union; 0 for boxes that do not meet, and for those whose corners are swapped."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    if not np.all(high > low):
        return np.float32(0)
    common, first, second = (
        np.prod(high - low),
        np.prod(one[2:] - one[:2]),
        np.prod(other[2:] - other[:2]),
    )
    return np.float32(common / (first + second - common))
