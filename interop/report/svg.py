"""The little of SVG that plots need: axes with ticks, marks, text. No colour: ink on paper.

Shades are opacities of the text's own colour, so a plot is read in print and in a dark theme, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

#: Points of a mark by name, about its middle, for a mark of size 1.
MARKS: dict[str, tuple[tuple[float, float], ...]] = {
    "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "diamond": ((0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)),
    "triangle": ((0, -1.3), (1.2, 0.9), (-1.2, 0.9)),
    "cross": ((-1, -1), (0, -0.3), (1, -1), (0.3, 0), (1, 1), (0, 0.3), (-1, 1), (-0.3, 0)),
    "wedge": ((0, 1.3), (1.2, -0.9), (-1.2, -0.9)),
}

#: Dashes of lines, to be told apart without colour.
DASHES = ("", "6 3", "2 3", "9 3 2 3", "1 4")


@dataclass(frozen=True)
class Axis:
    """Maps values from `low`..`high` to pixels from `start`..`end`; logarithmic on wish."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = (self._scaled(v) for v in (self.low, self.high, value))
        return self.start + (self.end - self.start) * (at - low) / (high - low)

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.log else value

    def ticks(self) -> list[float]:
        """Round values within the axis, about five."""
        if self.log and self.high / self.low > 5:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            steps = (1, 2, 5) if self.high / self.low < 300 else (1,)
            values = [step * 10.0**decade for decade in decades for step in steps]
            return [value for value in values if self.low <= value <= self.high]
        rough = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(f * power for f in (1, 2, 5, 10) if f * power >= rough)
        first = math.ceil(self.low / step - 1e-9)
        count = math.floor((self.high - first * step) / step + 1e-9) + 1
        return [round((first + index) * step, 12) for index in range(count)]


def axis(values: Iterable[float], start: float, end: float, *, log: bool = False) -> Axis:
    """An axis that holds `values` (positive for a logarithmic one) with a little room around."""
    values = list(values)
    low, high = min(values), max(values)
    if log:
        room = max((high / low) ** 0.06, 1.02)
        return Axis(low / room, high * room, start, end, log=True)
    room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return Axis(low - room, high + room, start, end)


def line(x1: float, y1: float, x2: float, y2: float, name: str = "") -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"{_class(name)}/>'


def rect(x: float, y: float, width: float, height: float, name: str = "") -> str:
    size = f'width="{max(width, 0.5):.1f}" height="{height:.1f}"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" {size}{_class(name)}/>'


def text(x: float, y: float, content: str, name: str = "", anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f"<text {place}{_class(name)}>{escape(content)}</text>"


def polyline(points: Sequence[tuple[float, float]], dash: str = "") -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<polyline points="{_points(points)}" fill="none" class="curve"{dashes}/>'


def mark(kind: str, x: float, y: float, size: float = 4, name: str = "mark") -> str:
    """A mark of one of `MARKS`, by its middle."""
    points = [(x + size * dx, y + size * dy) for dx, dy in MARKS[kind]]
    return f'<polygon points="{_points(points)}"{_class(name)}/>'


def drawing(width: float, height: float, title: str, parts: Iterable[str]) -> str:
    """The whole: as wide as there is room, with its title for who cannot see it."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )


def bottom(scale: Axis, y: float, top: float, form: str, label: str) -> list[str]:
    """A horizontal axis at height `y`: faint lines up to `top`, figures, and what they are."""
    parts = []
    for tick in scale.ticks():
        parts.append(line(scale(tick), top, scale(tick), y, "grid"))
        parts.append(text(scale(tick), y + 16, format(tick, form), "soft", "middle"))
    return [*parts, text((scale.start + scale.end) / 2, y + 34, label, "soft", "middle")]


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""
