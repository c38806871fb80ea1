"""What a difference does to the task: labels that a user has, and sequences of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interop.errors import UsageError
from interop.parity.floor.groups import Array
from interop.parity.floor.noise import Noise


@dataclass(frozen=True)
class Scores:
    """Accuracy, and F1 as the plain mean over the classes that labels or predictions name."""

    accuracy: float
    f1: float


@dataclass(frozen=True)
class Classification:
    """Source and artifact on labelled data. `flips` are rows in which they choose differently,
    `ties` those of them that rounding may decide: the source has both choices within the tie."""

    source: Scores
    artifact: Scores
    flips: int
    ties: int

    @property
    def explained(self) -> bool:
        """Whether ties explain every difference."""
        return self.flips == self.ties

    def to_json(self) -> dict[str, Any]:
        return {
            "source": dict(vars(self.source)),
            "artifact": dict(vars(self.artifact)),
            "flips": self.flips,
            "ties": self.ties,
            "explained": self.explained,
        }


@dataclass(frozen=True)
class Decisions:
    """What source and artifact chose, and what is right, as class numbers (one-dimensional); `flips`
    and `ties` as in Classification. Of one set of inputs: `classified` takes several together."""

    labels: Array
    source: Array
    artifact: Array
    flips: int
    ties: int


def classification(
    labels: Array, source: Array, artifact: Array, *, tie: float = 0.0
) -> Classification:
    """As `decisions`, of one set."""
    return classified([decisions(labels, source, artifact, tie=tie)])


def classified(parts: Sequence[Decisions]) -> Classification:
    """The figures of at least one set of decisions."""
    labels, theirs, ours = (
        np.concatenate([getattr(one, side) for one in parts])
        for side in ("labels", "source", "artifact")
    )
    return Classification(
        scores(labels, theirs),
        scores(labels, ours),
        sum(one.flips for one in parts),
        sum(one.ties for one in parts),
    )


def decided(labels: Array, source: Array, artifact: Array, noise: Noise | None = None) -> Decisions:
    """As `chosen` where the source gives class numbers, else as `decisions`, of what `noise` says that
    rounding does; without it no difference is put down to that, but for equal scores."""
    if source.dtype.kind in "iu":
        shaky = np.zeros(source.shape, bool) if noise is None else noise.shaky
        return chosen(labels, source, artifact, shaky)
    return decisions(labels, source, artifact, tie=0.0 if noise is None else 2 * noise.max)


def decisions(labels: Array, source: Array, artifact: Array, *, tie: float = 0.0) -> Decisions:
    """The class of the highest score: `labels` ([rows] or [rows, length]) are class numbers, `source`
    and `artifact` have one axis more, of scores; `tie` is twice the largest error that rounding
    makes (Noise.max).

    Raises UsageError where the shapes do not go together, or there is no row, or one class only.
    """
    labels = np.asarray(labels)
    fits = source.shape == artifact.shape and labels.shape == source.shape[:-1]
    if not fits or not labels.size or source.shape[-1] < 2:
        raise UsageError(
            f"labels {list(labels.shape)} do not go with scores {list(source.shape)} and "
            f"{list(artifact.shape)}",
            hint="One label (a class number) a row, and scores of shape [rows, classes].",
        )
    classes = source.shape[-1]
    source, artifact = source.reshape(-1, classes), artifact.reshape(-1, classes)
    ours, theirs = np.argmax(artifact, axis=1), np.argmax(source, axis=1)
    flipped = np.flatnonzero(ours != theirs)
    margin = source[flipped, theirs[flipped]] - source[flipped, ours[flipped]]
    ties = int(np.sum(margin <= tie))
    return Decisions(labels.reshape(-1), theirs, ours, flipped.size, ties)


def chosen(labels: Array, source: Array, artifact: Array, shaky: Array) -> Decisions:
    """Of outputs that are class numbers themselves, all of one shape; `shaky` (Noise.shaky) marks those
    that rounding alone changes. Raises UsageError where the shapes do not go together."""
    labels = np.asarray(labels)
    if not labels.shape == source.shape == artifact.shape or not labels.size:
        raise UsageError(
            f"labels {list(labels.shape)} do not go with classes {list(source.shape)} and "
            f"{list(artifact.shape)}",
            hint="One label (a class number) for each that the model gives.",
        )
    flipped = np.asarray(source != artifact)
    ties = int(np.sum(flipped & shaky))
    return Decisions(
        labels.reshape(-1), source.reshape(-1), artifact.reshape(-1), int(np.sum(flipped)), ties
    )


def scores(labels: Array, predicted: Array) -> Scores:
    """F1 of a class is 2 tp / (2 tp + fp + fn)."""
    classes = np.union1d(labels, predicted)
    hits = [2 * int(np.sum((labels == c) & (predicted == c))) for c in classes]
    named = [int(np.sum(labels == c)) + int(np.sum(predicted == c)) for c in classes]
    f1 = float(np.mean([hit / count for hit, count in zip(hits, named, strict=True)]))
    return Scores(float(np.mean(labels == predicted)), f1)


@dataclass(frozen=True)
class Continuation:
    """Two sequences of tokens: the first place where they differ (None: nowhere), what each has
    there (None: it has ended), and how long they go together."""

    first: int | None
    source: int | None
    artifact: int | None
    common_prefix: int

    def to_json(self) -> dict[str, Any]:
        return {
            "first_difference": self.first,
            "source": self.source,
            "artifact": self.artifact,
            "common_prefix": self.common_prefix,
        }


def continuations(source: Sequence[Array], artifact: Sequence[Array]) -> tuple[Continuation, ...]:
    """Each sequence of `source` (one-dimensional, token numbers) against that of `artifact`.

    Raises UsageError where there is not the same number of them, or none.
    """
    if len(source) != len(artifact) or not len(source):
        raise UsageError(
            f"{len(source)} sequences cannot be paired with {len(artifact)}",
            hint="Give as many sequences on either side, and at least one.",
        )
    return tuple(_continuation(a, b) for a, b in zip(source, artifact, strict=True))


def _continuation(source: Array, artifact: Array) -> Continuation:
    shorter = min(len(source), len(artifact))
    differs = np.flatnonzero(np.asarray(source[:shorter]) != np.asarray(artifact[:shorter]))
    same = int(differs[0]) if differs.size else shorter
    if same == len(source) == len(artifact):
        return Continuation(None, None, None, same)
    here, there = (int(s[same]) if same < len(s) else None for s in (source, artifact))
    return Continuation(same, here, there, same)
