"""Writes real_inputs/*.npz: inputs of those real models to which noise says nothing.

python examples/real_inputs.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray[Any, Any]]

HERE = Path(__file__).parent / "real_inputs"


def page() -> Arrays:
    """A page as a text detector sees it: dark strokes in lines on white, scaled to [-1, 1]. On noise it
    finds nothing, and says so by 1e-10: rounding alone decides that."""
    rng = np.random.default_rng(0)
    image = np.ones((1, 3, 96, 160), np.float32)
    for line in range(8, 88, 20):
        for start in range(10, 140, 7):
            height, width = rng.integers(6, 12), rng.integers(1, 4)
            image[0, :, line : line + height, start : start + width] = -1.0
    return {"x": image}


def speech() -> Arrays:
    """Loud and quiet noise, with a state; the sampling rate selects a branch, so it is given."""
    rng = np.random.default_rng(0)
    sets: Arrays = {}
    for label, batch, scale in (("quiet", 1, 0.05), ("loud", 3, 1.0)):
        sets[f"{label}/input"] = (rng.standard_normal((batch, 576)) * scale).astype(np.float32)
        sets[f"{label}/state"] = (rng.standard_normal((2, batch, 128)) * scale).astype(np.float32)
        sets[f"{label}/sr"] = np.array(16000)
    return sets


def words() -> Arrays:
    """Sentences of several lengths, as numbers of words."""
    rng = np.random.default_rng(0)
    sets: Arrays = {}
    for label, batch, time in (("short", 1, 7), ("several", 3, 20)):
        sets[f"{label}/token_ids"] = rng.integers(1, 50_000, (batch, time))
        sets[f"{label}/length"] = np.array([time, *rng.integers(1, time, batch - 1)])
    return sets


def main() -> None:
    HERE.mkdir(exist_ok=True)
    for name, arrays in {"page": page(), "speech": speech(), "words": words()}.items():
        np.savez_compressed(HERE / f"{name}.npz", **arrays)


if __name__ == "__main__":
    main()
