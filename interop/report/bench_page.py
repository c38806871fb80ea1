"""A bench as one HTML page that needs nothing beside it, and is read without colour."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from interop.report.bench import (
    heading,
    machine_line,
    milliseconds,
    ratio_text,
    resolution,
)
from interop.report.bench_plots import figures, ratio_plot, spread_plot, sweep_plot
from interop.report.terminal import bytes_for_people

Point = Mapping[str, Any]
Row = Mapping[str, Any]

#: Columns of figures: heading, and the text of a row that has them.
_COLUMNS: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("p50, ms", lambda row: milliseconds(row["percentiles"]["p50"])),
    ("p90, ms", lambda row: milliseconds(row["percentiles"]["p90"])),
    ("p99, ms", lambda row: milliseconds(row["percentiles"]["p99"])),
    ("ratio (95 %)", lambda row: "1" if row["ratio"] is None else ratio_text(row["ratio"])),
    ("verdict", lambda row: "" if row["ratio"] is None else row["ratio"]["verdict"]),
    ("items/s", lambda row: f"{row['items_per_second']:.4g}"),
    ("peak memory", lambda row: bytes_for_people(row["peak_memory_bytes"])),
    ("model", lambda row: bytes_for_people(row["model_bytes"])),
    ("runs", lambda row: str(row["runs"])),
    ("cores busy", lambda row: "–" if row["cores"] is None else f"{row['cores']:.1f}"),
)


def page(document: Mapping[str, Any]) -> str:
    """The page as text."""
    style = files("interop.report").joinpath("bench.css").read_text("utf-8")
    title = f"{document['model']['reference']}: how fast, and where"
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
<p class="soft">{escape(machine_line(document))}</p>
{_noise(document)}
{_sweeps(document["points"])}
{"".join(map(_point, document["points"]))}
{_notes(document)}
<footer><p>{escape(document["created"])} · {escape(versions)} · {escape(document["machine"]["system"])}</p>
<p>Written by <code>interop bench</code>; the same as data: <code>bench.json</code>.</p></footer>
</main>
</body>
</html>
"""


def _noise(document: Mapping[str, Any]) -> str:
    warnings = document["noise"]["warnings"]
    if not warnings:
        return ""
    items = "".join(f"<li>{escape(warning)}</li>" for warning in warnings)
    return f'<div class="noisy"><b>The machine was not quiet.</b><ul>{items}</ul></div>'


def _point(point: Point) -> str:
    plots = ""
    if figures(point):
        plots = f"<h3>How the runs are spread</h3>{spread_plot(point)}{_SPREAD}"
    if any(row["ratio"] for row in figures(point)):
        plots = f"<h3>Ratios</h3>{ratio_plot(point)}{_RATIOS}{plots}"
    return (
        f"<h2>{escape(heading(point))}</h2>{_table(point)}"
        f'<p class="soft">{escape(resolution(point))}</p>{plots}'
    )


_RATIOS = (
    '<p class="soft">Square: the ratio; line: its 95 % interval; hollow where it is a tie. The band is how '
    "far a contender differs from itself.</p>"
)
_SPREAD = (
    '<p class="soft">Line: 1st to 99th percentile; box: the middle half; stroke: the median; triangles: '
    "the median of each process.</p>"
)


def _table(point: Point) -> str:
    head = "".join(f'<th scope="col">{title}</th>' for title, _ in _COLUMNS)
    rows = "".join(map(_row, point["contenders"]))
    return (
        '<div class="scroll"><table><thead><tr><th scope="col">contender</th><th scope="col">grade</th>'
        f"{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(row: Row) -> str:
    grade = row["grade"]["letter"] if row["grade"] else "–"
    first = f'<th scope="row">{escape(row["name"])}</th><td>{grade}</td>'
    if row["percentiles"] is None:
        why = escape(f"no figures: {row['why']}")
        return f'<tr>{first}<td class="words" colspan="{len(_COLUMNS)}">{why}</td></tr>'
    return f"<tr>{first}{''.join(f'<td>{escape(show(row))}</td>' for _, show in _COLUMNS)}</tr>"


def _sweeps(points: Sequence[Point]) -> str:
    """Along what was swept, at the first size of the other."""
    parts = []
    for along, other in (("batch", "threads"), ("threads", "batch")):
        chosen = [point for point in points if point[other] == points[0][other] and figures(point)]
        if len({point[along] for point in chosen}) > 1:
            parts.append(f"<h2>Throughput by {along}</h2>")
            parts.append(sweep_plot(chosen, along, "items_per_second", "items a second"))
    return "".join(parts)


def _notes(document: Mapping[str, Any]) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in document["notes"])
    return f"<h2>How to read it</h2><ul>{items}</ul>"
