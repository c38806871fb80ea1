"""Numbers as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def amount(number: float, unit: str = "") -> str:
    """1234567 → "1.23 M", in powers of 1000."""
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= 0.9995 * factor:  # which is shown as 1
            return f"{number / factor:.3g} {prefix}{unit}"
    return f"{number:g} {unit}".strip()


def bytes_for_people(count: float) -> str:
    """1234567 → "1.23 MB"."""
    return amount(count, "B")


def share_right(accuracy: Mapping[str, Any] | None) -> str:
    """Of an audit's row: "93.4 %", or that there is nothing to tell."""
    if accuracy is None or accuracy["right"] is None:
        return "–"
    return f"{accuracy['right'] * 100:.4g} %"


def told_right(accuracy: Mapping[str, Any] | None) -> str:
    """The same as a part of a sentence; empty where nobody said what is right."""
    if accuracy is None:
        return ""
    if accuracy["problem"]:
        return f"how often it is right cannot be told: {accuracy['problem']}"
    told = f"right in {share_right(accuracy)} of {accuracy['rows']:,} rows"
    return f"{told} (the float64 truth: {accuracy['of_truth'] * 100:.4g} %)"


def seconds(value: float) -> str:
    """0.0123 → "12.3 ms"."""
    if value >= 1:
        return f"{value:.3g} s"
    return f"{value * 1e3:.3g} ms" if value >= 1e-3 else f"{value * 1e6:.3g} µs"
