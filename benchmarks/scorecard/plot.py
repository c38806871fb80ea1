"""Kill rate against false alarms, as an SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from scorecard.judging import OURS
from scorecard.summary import Score

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 780, 460, 60, 40, 225, 50
ROW, LABEL = 15, 200  # height and width that a label takes
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2)


def plot(scores: Sequence[Score], title: str) -> str:
    """One point a gate: to the left it blames no faithful run, at the top it finds every fault."""
    most = max([0.02, *(score.alarm_rate for score in scores)])
    least = max(0.0, math.floor(10 * min(score.kill_rate for score in scores)) / 10 - 0.1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>',
        *_axes(least, most),
    ]
    taken: list[tuple[float, float]] = []
    for score in sorted(scores, key=lambda one: (-one.kill_rate, one.alarm_rate)):
        x, y = _x(score.alarm_rate, most), _y(score.kill_rate, least)
        colour = "#c0392b" if score.gate == OURS else "#34495e"
        at = y
        while any(abs(at - other) < ROW and abs(x - where) < LABEL for where, other in taken):
            at += 1
        taken.append((x, at))
        label = f"{score.gate} ({score.kill_rate:.1%}, {score.alarm_rate:.1%})"
        parts += [
            f'<path d="M{x:.1f} {y:.1f}L{x + 10:.1f} {at:.1f}" stroke="#999999"/>',
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>',
            f'<text x="{x + 12:.1f}" y="{at + 4:.1f}" fill="{colour}">{escape(label)}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def _x(rate: float, most: float) -> float:
    return LEFT + rate / most * (WIDTH - LEFT - RIGHT)


def _y(rate: float, least: float) -> float:
    return HEIGHT - BOTTOM - (rate - least) / (1 - least) * (HEIGHT - TOP - BOTTOM)


def _axes(least: float, most: float) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [
        f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="black"/>',
        f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 12}" text-anchor="middle">'
        "faithful runs blamed</text>",
        f'<text transform="rotate(-90)" x="{-(TOP + bottom) / 2}" y="16" text-anchor="middle">'
        "faults found</text>",
    ]
    for share in _ticks(least, 1.0):
        y = _y(share, least)
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>')
        parts.append(f'<path d="M{LEFT} {y:.1f}H{right}" stroke="#dddddd"/>')
    for share in _ticks(0.0, most):
        x = _x(share, most)
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{share:.0%}</text>')
    return parts


def _ticks(low: float, high: float) -> list[float]:
    """Round shares from `low` to `high`, eight at most."""
    step = next(step for step in STEPS if (high - low) / step <= 8)
    first = math.ceil(low / step - 1e-9)
    return [step * i for i in range(first, math.floor(high / step + 1e-9) + 1)]
