"""The plots of a bench: how the runs are spread, the ratios with their intervals, the sweeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interop.report import svg
from interop.report.bench import measured

WIDTH = 760
NAMES = 190  # pixels for names on the left
ROW = 46

#: More than this between least and most, and an axis is logarithmic.
WIDE = 8.0

Point = Mapping[str, Any]
Row = Mapping[str, Any]


def spread_plot(rows: Sequence[Row]) -> str:
    """A line from the 1st to the 99th percentile, a box for the middle half, a stroke for the median;
    below it the median of each process."""
    runs = [np.concatenate([np.concatenate(p) for p in row["seconds"]]) * 1e3 for row in rows]
    quantiles = [np.percentile(one, [1, 25, 50, 75, 99]) for one in runs]
    least, most = min(q[0] for q in quantiles), max(q[4] for q in quantiles)
    across = svg.axis([least, most], NAMES, WIDTH - 20, log=most / least > WIDE)
    height = len(rows) * ROW
    parts = svg.bottom(across, height + 4, 4, "g", "milliseconds a run")
    for index, (row, q) in enumerate(zip(rows, quantiles, strict=True)):
        y = index * ROW + 18
        x = [across(value) for value in q]
        parts.append(svg.text(0, y + 5, row["name"]))
        parts.append(svg.line(x[0], y, x[4], y, "whisker"))
        parts.append(svg.rect(x[1], y - 8, x[3] - x[1], 16, "box"))
        parts.append(svg.line(x[2], y - 10, x[2], y + 10, "median"))
        for process in row["seconds"]:
            median = float(np.median(np.concatenate(process))) * 1e3
            parts.append(svg.mark("triangle", across(median), y + 17, 3))
    return svg.drawing(WIDTH, height + 44, "Milliseconds a run of each contender", parts)


def ratio_plot(point: Point) -> str:
    """Each ratio with its interval, the line of equals, and the band within which a contender differs
    from itself."""
    rows = [row for row in measured(point) if row["ratio"] is not None]
    band = 1 + point["resolution"]
    ends = [row["ratio"][end] for row in rows for end in ("low", "high")]
    across = svg.axis([*ends, band, 1 / band], NAMES, WIDTH - 150, log=True)
    height = len(rows) * ROW
    parts = svg.bottom(across, height + 4, 4, "g", f"times the time of {point['reference']}")
    parts.append(svg.rect(across(1 / band), 4, across(band) - across(1 / band), height, "band"))
    parts.append(svg.line(across(1), 4, across(1), height + 4, "equal"))
    for index, row in enumerate(rows):
        y, ratio = index * ROW + 26, row["ratio"]
        x = [across(ratio[key]) for key in ("low", "ratio", "high")]
        parts.append(svg.text(0, y + 5, row["name"]))
        parts.append(svg.line(x[0], y, x[2], y, "median"))
        parts += [svg.line(end, y - 6, end, y + 6, "median") for end in (x[0], x[2])]
        hollow = "mark hollow" if ratio["verdict"] in ("tie", "unclear") else "mark"
        parts.append(svg.mark("square", x[1], y, 5, hollow))
        said = f"{ratio['ratio']:.2f} {ratio['verdict']}"
        parts.append(svg.text(WIDTH - 130, y + 5, said))
    return svg.drawing(WIDTH, height + 44, f"Ratios to {point['reference']}", parts)


def sweep_plot(points: Sequence[Point], along: str, figure: str, label: str) -> str:
    """`figure` of each contender along the sizes of a sweep ("batch" or "threads"); both axes are
    logarithmic. Contenders are told apart by mark and dash, and named at their last point."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for point in points:
        for row in measured(point):
            curves.setdefault(row["name"], []).append((point[along], row[figure]))
    sizes = sorted({x for curve in curves.values() for x, _ in curve})
    across = svg.axis(sizes, 70, WIDTH - NAMES, log=True)
    up = svg.axis([y for curve in curves.values() for _, y in curve], 270, 24, log=True)
    parts = [svg.text((across.start + across.end) / 2, 308, along, "soft", "middle")]
    for size in sizes:
        parts.append(svg.line(across(size), 24, across(size), 270, "grid"))
        parts.append(svg.text(across(size), 288, f"{size:g}", "soft", "middle"))
    for tick in up.ticks():
        parts.append(svg.line(across.start, up(tick), across.end, up(tick), "grid"))
        parts.append(svg.text(62, up(tick) + 4, f"{tick:,.6g}", "soft", "end"))
    parts.append(svg.text(0, 13, label, "soft"))
    marks = list(svg.MARKS)
    ends = _apart([up(curve[-1][1]) for curve in curves.values()])
    for index, ((name, curve), end) in enumerate(zip(curves.items(), ends, strict=True)):
        drawn = [(across(x), up(y)) for x, y in sorted(curve)]
        parts.append(svg.polyline(drawn, svg.DASHES[index % len(svg.DASHES)]))
        parts += [svg.mark(marks[index % len(marks)], x, y) for x, y in drawn]
        parts.append(svg.mark(marks[index % len(marks)], WIDTH - NAMES + 14, end))
        parts.append(svg.text(WIDTH - NAMES + 24, end + 5, name))
    return svg.drawing(WIDTH, 316, f"{label} by {along}", parts)


def _apart(heights: Sequence[float], least: float = 17) -> list[float]:
    """The heights, moved down where two are nearer than `least`."""
    placed = [0.0] * len(heights)
    floor = -least
    for index in sorted(range(len(heights)), key=heights.__getitem__):
        floor = max(heights[index], floor + least)
        placed[index] = floor
    return placed
