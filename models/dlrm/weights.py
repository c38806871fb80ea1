"""Shared weights of the recommender."""

from __future__ import annotations

from interop.models.drawing import LINEAR, RELU, Drawing, Weights

DENSE, TABLES, ROWS, WIDTH = 13, 8, 100, 16
BOTTOM = (DENSE, 64, 32, WIDTH)
PAIRS = (TABLES + 1) * TABLES // 2
TOP = (WIDTH + PAIRS, 64, 32, 1)


def draw(seed: int = 0) -> Weights:
    """Weights of the recommender, float32. Pairwise products have variance WIDTH, so they shrink."""
    d = Drawing(seed)
    for index in range(3):
        d.linear(f"bottom.{index}", BOTTOM[index + 1], BOTTOM[index], gain=RELU)
    for table in range(TABLES):
        d.embedding(f"tables.{table}", ROWS, WIDTH, std=0.5)
    for index in range(3):
        d.linear(f"top.{index}", TOP[index + 1], TOP[index], gain=0.5 if index == 0 else LINEAR)
    return d.weights
