"""Kill rate against false alarms, as an SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from scorecard.judging import OURS
from scorecard.summary import Score

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 760, 460, 60, 40, 190, 50
ROW = 15  # least distance between labels


def plot(scores: Sequence[Score], title: str) -> str:
    """One point a gate: to the left it blames no faithful run, at the top it finds every fault."""
    most = max([0.02, *(score.alarm_rate for score in scores)]) * 1.05
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>',
        *_axes(most),
    ]
    taken: list[tuple[float, float]] = []
    for score in sorted(scores, key=lambda one: (-one.kill_rate, one.alarm_rate)):
        x, y = _x(score.alarm_rate, most), _y(score.kill_rate)
        colour = "#c0392b" if score.gate.lower() == OURS else "#34495e"
        at = y + 4
        while any(abs(at - other) < ROW and abs(x - where) < 200 for where, other in taken):
            at += ROW
        taken.append((x, at))
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>')
        label = f"{score.gate} ({score.kill_rate:.1%}, {score.alarm_rate:.1%})"
        parts.append(f'<text x="{x + 9:.1f}" y="{at:.1f}" fill="{colour}">{escape(label)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _x(rate: float, most: float) -> float:
    return LEFT + rate / most * (WIDTH - LEFT - RIGHT)


def _y(rate: float) -> float:
    return HEIGHT - BOTTOM - rate * (HEIGHT - TOP - BOTTOM)


def _axes(most: float) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [
        f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="black"/>',
        f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 12}" text-anchor="middle">'
        "faithful runs blamed</text>",
        f'<text transform="rotate(-90)" x="{-(TOP + bottom) / 2}" y="16" text-anchor="middle">'
        "faults found</text>",
    ]
    for step in range(6):
        share = step / 5
        x, y = _x(share * most, most), _y(share)
        parts += [
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>',
            f'<path d="M{LEFT} {y:.1f}H{right}" stroke="#dddddd"/>',
            f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{share * most:.1%}</text>',
        ]
    return parts
