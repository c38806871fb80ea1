"""The two plots of an audit. Words stand above their line, so that a plot is as narrow as a telephone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from interop.report import svg

WIDTH, MARGIN, ROW = 620, 18, 48


@dataclass(frozen=True)
class Line:
    """One line: `value` is what counts, up to `tail` it thins out; `text` stands at its end."""

    label: str
    value: float
    tail: float
    text: str


def tails(title: str, unit: str, lines: Sequence[Line]) -> str:
    """A mark at each value, and a line from there to its tail; the axis begins at zero."""
    most = max(max(one.tail, one.value) for one in lines) * 1.05
    return _plot(title, unit, most, lines, _tail)


def bars(title: str, unit: str, most: float, lines: Sequence[Line]) -> str:
    """Each value as a bar, on an axis from zero to `most`."""
    return _plot(title, unit, most, lines, _bar)


def _tail(one: Line, scale: svg.Axis, y: float) -> str:
    start, end = scale(one.value), scale(max(one.tail, one.value))
    return svg.line(start, y, end, y, "whisker") + svg.mark("diamond", start, y, 5)


def _bar(one: Line, scale: svg.Axis, y: float) -> str:
    return svg.rect(MARGIN, y - 7, scale(one.value) - MARGIN, 14, "bar")


def _plot(
    title: str,
    unit: str,
    most: float,
    lines: Sequence[Line],
    shape: Callable[[Line, svg.Axis, float], str],
) -> str:
    scale = svg.Axis(0.0, most, MARGIN, WIDTH - MARGIN)
    floor = 42 + (len(lines) - 1) * ROW + 20
    parts = svg.bottom(scale, floor, 30, "g", unit)
    for index, one in enumerate(lines):
        y = 42 + index * ROW
        parts += [
            svg.text(MARGIN, y - 16, one.label),
            svg.text(WIDTH - MARGIN, y - 16, one.text, anchor="end"),
            shape(one, scale, y),
        ]
    said = "; ".join(f"{one.label}: {one.text}" for one in lines)
    return f'<div class="plot">{svg.drawing(WIDTH, floor + 46, f"{title}. {said}", parts)}</div>'
