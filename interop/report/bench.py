"""A bench in the terminal: figures of each point, and what has to be known to read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from interop.report.words import bytes_for_people

Document = Mapping[str, Any]
Point = Mapping[str, Any]
Row = Mapping[str, Any]


def bench_summary(document: Document, console: Console | None = None) -> None:
    """Print `document` (interop.bench.record) as people read it."""
    console = console or Console()
    for warning in document["noise"]["warnings"]:
        console.print(Text(f"noisy: {warning}", style="yellow"))
    for point in document["points"]:
        console.print(Text(heading(point), style="bold"))
        console.print()
        console.print(_times(point))
        console.print()
        console.print(_costs(point))
        console.print()
        for line in remarks(point):
            console.print(Text(line, style="dim"))
        console.print()
    console.print(Text(machine_line(document), style="dim"))
    for note in document["notes"]:
        console.print(Text(note, style="dim"))


def machine_line(document: Document) -> str:
    """The machine in a line."""
    machine = document["machine"]
    load = "unknown" if machine["load"] is None else f"{machine['load']:.1f}"
    governor = machine["governor"] or "not reported"
    return (
        f"{machine['cpu']}, {machine['cores']} cores, clock governor {governor}, "
        f"load {load} at the start"
    )


def heading(point: Point) -> str:
    """What was measured at a point, and by which clock."""
    threads = f"{point['threads']} thread{'s' if point['threads'] > 1 else ''}"
    cpus = ", ".join(map(str, point["affinity"]))
    return (
        f"batch {point['items']}, {threads} on processors {cpus}; clock: {point['clock']['title']}"
    )


def remarks(point: Point) -> list[str]:
    """Why somebody has no figures, what was not told apart, which percentiles are missing, who did not
    settle."""
    rows = measured(point)
    found = [f"{r['name']}: {r['why']}" for r in point["contenders"] if r["percentiles"] is None]
    if rows:
        found.append(_resolution(point))
    missing = sorted(
        {p for row in rows for p, value in row["percentiles"].items() if value is None}
    )
    if missing:
        found.append(f"–: too few runs for {', '.join(missing)}")
    restless = [r["name"] for r in rows if not all(one["settled"] for one in r["warm_up"])]
    if restless:
        found.append(f"still getting faster when its warm-up was ended: {', '.join(restless)}")
    return found


def _resolution(point: Point) -> str:
    if not any(row["ratio"] for row in measured(point)):
        return "one contender: there is nothing to compare it with"
    if point["null"] is None:
        return f"ratios are to {point['reference']}; how far it differs from itself is not known"
    return (
        f"ratios are to {point['reference']}, which differs from itself by up to "
        f"{point['resolution']:.1%} here: less is a tie"
    )


def measured(point: Point) -> list[Row]:
    """The contenders of a point that have figures."""
    return [row for row in point["contenders"] if row["percentiles"] is not None]


def _times(point: Point) -> Table:
    table = _table("", "grade", "p50, ms", "p90, ms", "p99, ms", "ratio", "95 %", "verdict")
    for row in point["contenders"]:
        name, grade = Text(row["name"]), letter(row)
        if row["percentiles"] is None:
            table.add_row(name, grade, "–", "–", "–", "–", "–", "no figures")
            continue
        shown = [milliseconds(seconds) for seconds in row["percentiles"].values()]
        table.add_row(name, grade, *shown, *ratio_text(row["ratio"]))
    return table


def _costs(point: Point) -> Table:
    """What a contender needs beside time, and until its first answer."""
    rows = measured(point)
    joules = any(row["joules_per_item"] for row in rows)
    table = _table(
        "", "items/s", "memory", "model", *(["J/item"] if joules else []),
        "convert, s", "load, s", "first run, ms",
    )  # fmt: skip
    for row in rows:
        cold = row["cold"]
        energy = [f"{sum(row['joules_per_item'].values()):.3g}"] if joules else []
        table.add_row(
            Text(row["name"]),
            rate(row["items_per_second"]),
            bytes_for_people(row["peak_memory_bytes"]),
            bytes_for_people(row["model_bytes"]),
            *energy,
            "–" if cold["convert"] is None else f"{cold['convert']:.2f}",
            spread(cold["load"]),
            spread([seconds * 1e3 for seconds in cold["first_run"]]),
        )
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, title in enumerate(headings):
        words = index == 0 or title in ("grade", "verdict")
        table.add_column(title, justify="left" if words else "right", no_wrap=index == 0)
    return table


def letter(row: Row) -> str:
    """The grade, or a dash where it came to none."""
    return row["grade"]["letter"] if row["grade"] else "–"


def milliseconds(seconds: float | None) -> str:
    """Three digits; a dash where the sample does not support the figure."""
    return "–" if seconds is None else _digits(seconds * 1e3)


def rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def ratio_text(ratio: Mapping[str, Any] | None) -> tuple[str, str, str]:
    """(ratio, its interval, verdict); of the one that the others are held against, 1."""
    if ratio is None:
        return "1", "", ""
    low, high = ratio["low"], ratio["high"]
    return f"{ratio['ratio']:.2f}", f"{low:.2f}–{high:.2f}", ratio["verdict"]


def spread(values: Sequence[float]) -> str:
    """Least and most of several processes."""
    low, high = _digits(min(values)), _digits(max(values))
    return low if low == high else f"{low}–{high}"


def _digits(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
