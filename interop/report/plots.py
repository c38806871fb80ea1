"""Plots as SVG text: readable without colour, offline, at any width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

#: Units of the drawing. Words stand above their line, so that it can be as narrow as a telephone.
WIDTH, MARGIN, ROW = 620, 18, 48


@dataclass(frozen=True)
class Dot:
    """One line of an interval plot; `text` is written at its end."""

    label: str
    low: float
    middle: float
    high: float
    text: str


@dataclass(frozen=True)
class Bar:
    """One line of a bar plot; `kind` is a class of the style sheet ("", "low", "off")."""

    label: str
    value: float
    text: str
    kind: str = ""


def intervals(title: str, unit: str, dots: Sequence[Dot]) -> str:
    """Each dot with its interval on one axis from zero; empty for none."""
    if not dots:
        return ""
    most = max(dot.high for dot in dots) * 1.05 or 1.0
    rows = []
    for index, dot in enumerate(dots):
        y = _y(index)
        low, middle, high = (_x(v, most) for v in (dot.low, dot.middle, dot.high))
        rows.append(
            f'<line class="whisker" x1="{low:.1f}" x2="{max(high, low + 1):.1f}" y1="{y}" y2="{y}"/>'
            f'<circle cx="{middle:.1f}" cy="{y}" r="6"/>'
        )
    return _frame(title, unit, most, rows, [(dot.label, dot.text) for dot in dots])


def bars(title: str, unit: str, most: float, rows: Sequence[Bar]) -> str:
    """Each value as a bar on an axis from zero to `most`; empty for none."""
    if not rows:
        return ""
    shown = []
    for index, row in enumerate(rows):
        width = max(_x(row.value, most) - MARGIN, 1.0)
        shown.append(
            f'<rect class="bar {row.kind}" x="{MARGIN}" y="{_y(index) - 7}" '
            f'width="{width:.1f}" height="14" rx="3"/>'
        )
    return _frame(title, unit, most, shown, [(row.label, row.text) for row in rows])


def _y(index: int) -> int:
    return 42 + index * ROW


def _x(value: float, most: float) -> float:
    return MARGIN + (WIDTH - 2 * MARGIN) * value / most


def _frame(
    title: str, unit: str, most: float, rows: list[str], words: list[tuple[str, str]]
) -> str:
    bottom = _y(len(rows) - 1) + 20
    ticks = "".join(
        f'<line x1="{_x(v, most):.1f}" x2="{_x(v, most):.1f}" y1="30" y2="{bottom}"/>'
        f'<text class="soft" x="{_x(v, most):.1f}" y="{bottom + 18}" text-anchor="middle">{v:g}</text>'
        for v in _ticks(most)
    )
    lines = "".join(
        f'<text x="{MARGIN}" y="{_y(index) - 16}">{escape(label)}</text>'
        f'<text x="{WIDTH - MARGIN}" y="{_y(index) - 16}" text-anchor="end">{escape(text)}</text>'
        for index, (label, text) in enumerate(words)
    )
    said = "; ".join(f"{label}: {text}" for label, text in words)
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {bottom + 44}" role="img" '
        f'aria-label="{escape(title)}: {escape(said)}">{ticks}{"".join(rows)}{lines}'
        f'<text class="soft" x="{WIDTH - MARGIN}" y="{bottom + 36}" text-anchor="end">'
        f"{escape(unit)}</text></svg>"
    )


def _ticks(most: float) -> list[float]:
    """Four to nine round steps from zero to `most`."""
    step = 10.0 ** (len(f"{int(most)}") - 1) if most >= 1 else 0.1
    while most / step > 8:
        step *= 2 if f"{step:g}".lstrip("0.").startswith(("1", "5")) else 2.5
    while most / step < 4:
        step /= 2
    return [round(step * n, 10) for n in range(int(most / step) + 1)]
