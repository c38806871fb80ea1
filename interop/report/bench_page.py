"""A bench as one HTML page that needs nothing beside it, and is read without colour."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from interop.report.bench import (
    heading,
    letter,
    machine_line,
    measured,
    milliseconds,
    rate,
    ratio_text,
    remarks,
    spread,
)
from interop.report.bench_plots import ratio_plot, spread_plot, sweep_plot
from interop.report.words import bytes_for_people

Point = Mapping[str, Any]
Row = Mapping[str, Any]
_Columns = tuple[tuple[str, Callable[[Row], str]], ...]

#: Columns of figures: heading, and the text of a row that has them.
_COLUMNS: _Columns = (
    ("grade", letter),
    ("p50, ms", lambda row: milliseconds(row["percentiles"]["p50"])),
    ("p90, ms", lambda row: milliseconds(row["percentiles"]["p90"])),
    ("p99, ms", lambda row: milliseconds(row["percentiles"]["p99"])),
    ("ratio", lambda row: ratio_text(row["ratio"])[0]),
    ("95 %", lambda row: ratio_text(row["ratio"])[1]),
    ("verdict", lambda row: ratio_text(row["ratio"])[2]),
)

#: As above, of what it needs beside time, and until its first answer.
_COSTS: _Columns = (
    ("items/s", lambda row: rate(row["items_per_second"])),
    ("peak memory", lambda row: bytes_for_people(row["peak_memory_bytes"])),
    ("device memory", lambda row: _bytes(row["device_memory_bytes"])),
    ("model", lambda row: bytes_for_people(row["model_bytes"])),
    ("convert, s", lambda row: _optional(row["cold"]["convert"], ".2f")),
    ("load, s", lambda row: spread(row["cold"]["load"])),
    ("first run, ms", lambda row: spread([s * 1e3 for s in row["cold"]["first_run"]])),
    ("runs", lambda row: str(row["runs"])),
    ("cores busy", lambda row: _optional(row["cores"], ".1f")),
    ("J/item", lambda row: _optional(sum(row["joules_per_item"].values()) or None, ".3g")),
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
    rows, plots = measured(point), ""
    if rows:
        plots = f"<h3>How the runs are spread</h3>{spread_plot(rows)}{_SPREAD}"
    if any(row["ratio"] for row in rows):
        plots = f"<h3>Ratios</h3>{ratio_plot(point)}{_RATIOS}{plots}"
    said = "".join(f'<p class="soft">{escape(line)}</p>' for line in remarks(point))
    costs = _table(rows, _COSTS) if rows else ""
    times = _table(point["contenders"], _COLUMNS)
    return f"<h2>{escape(heading(point))}</h2>{times}{said}{costs}{plots}"


_RATIOS = (
    '<p class="soft">Square: the ratio; line: its 95 % interval; hollow where it is a tie or unclear. The '
    "band is how far a contender differs from itself.</p>"
)
_SPREAD = (
    '<p class="soft">Line: 1st to 99th percentile; box: the middle half; stroke: the median; triangles: '
    "the median of each process.</p>"
)


def _table(rows: Sequence[Row], columns: _Columns) -> str:
    """A row for each, but no column in which nobody has anything."""
    shown = {title: [_cell(row, show) for row in rows] for title, show in columns}
    kept = {title: cells for title, cells in shown.items() if any(cell != "–" for cell in cells)}
    head = "".join(f'<th scope="col">{title}</th>' for title in kept)
    body = "".join(
        f'<tr><th scope="row">{escape(row["name"])}</th>'
        + "".join(f"<td>{escape(cells[index])}</td>" for cells in kept.values())
        + "</tr>"
        for index, row in enumerate(rows)
    )
    return (
        '<div class="scroll"><table><thead><tr><th scope="col">contender</th>'
        f"{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(row: Row, show: Callable[[Row], str]) -> str:
    if row["percentiles"] is None and show is not letter:
        return "–"
    return show(row)


def _sweeps(points: Sequence[Point]) -> str:
    """Along what was swept, at the first size of the other."""
    parts = []
    for along, other in (("batch", "threads"), ("threads", "batch")):
        chosen = [point for point in points if point[other] == points[0][other] and measured(point)]
        if len({point[along] for point in chosen}) > 1:
            parts.append(f"<h2>Throughput by {along}</h2>")
            parts.append(sweep_plot(chosen, along, "items_per_second", "items a second"))
    return "".join(parts)


def _notes(document: Mapping[str, Any]) -> str:
    clocks = {point["clock"]["title"]: point["clock"]["what"] for point in document["points"]}
    said = [f"Clock, {title}: {what}." for title, what in clocks.items()]
    said += [*document["rules"].values(), *document["notes"]]
    items = "".join(f"<li>{escape(one)}</li>" for one in said)
    return f"<h2>How to read it</h2><ul>{items}</ul>"


def _bytes(count: int | None) -> str:
    return "–" if count is None else bytes_for_people(count)


def _optional(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
