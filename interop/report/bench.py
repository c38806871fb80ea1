"""A bench in the terminal: a table of figures a point, and what has to be known to read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from interop.report.terminal import bytes_for_people

Document = Mapping[str, Any]


def bench_summary(document: Document, console: Console | None = None) -> None:
    """Print `document` (interop.bench.record) as people read it."""
    console = console or Console()
    console.print(machine_line(document), style="dim")
    for warning in document["noise"]["warnings"]:
        console.print(Text(f"noisy: {warning}", style="yellow"))
    for point in document["points"]:
        console.print()
        console.print(Text(heading(point), style="bold"))
        console.print(_table(point))
        console.print(Text(resolution(point), style="dim"))
    console.print()
    console.print(_cold(document))
    for note in document["notes"]:
        console.print(Text(f"note: {note}", style="dim"))


def machine_line(document: Document) -> str:
    """The machine in a line."""
    machine = document["machine"]
    load = "unknown" if machine["load"] is None else f"{machine['load']:.1f}"
    governor = machine["governor"] or "not reported"
    return (
        f"{machine['cpu']}, {machine['cores']} cores, clock governor {governor}, "
        f"load {load} at the start"
    )


def heading(point: Mapping[str, Any]) -> str:
    """What was measured at a point, and by which clock."""
    threads = f"{point['threads']} thread{'s' if point['threads'] > 1 else ''}"
    cpus = ", ".join(map(str, point["affinity"]))
    batch = "" if point["batch"] is None else f"batch {point['batch']}, "
    return f"{batch}{threads} on processors {cpus}; clock: {point['clock']['title']}"


def resolution(point: Mapping[str, Any]) -> str:
    """The sentence on what cannot be told apart."""
    if not any(row.get("ratio") for row in point["contenders"]):
        return "one contender: there is nothing to compare it with"
    if point["null"] is None:
        return f"ratios are to {point['reference']}; how far it differs from itself is not known"
    return (
        f"ratios are to {point['reference']}, which differs from itself by up to "
        f"{point['resolution']:.1%} here: less is a tie"
    )


def _table(point: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("contender")
    table.add_column("grade")
    for title in ("p50 ms", "p90 ms", "p99 ms", "ratio (95 %)"):
        table.add_column(title, justify="right")
    table.add_column("verdict")
    for title in ("items/s", "memory", "model"):
        table.add_column(title, justify="right")
    joules = any(row["joules_per_item"] for row in point["contenders"])
    if joules:
        table.add_column("J/item", justify="right")
    for row in point["contenders"]:
        table.add_row(*_cells(row, joules))
    return table


def _cells(row: Mapping[str, Any], joules: bool) -> list[str]:
    grade = row["grade"]["letter"] if row["grade"] else "–"
    if row["percentiles"] is None:
        return [row["name"], grade, "–", "–", "–", "–", f"no figures: {row['why']}"]
    cells = [row["name"], grade, *(milliseconds(s) for s in row["percentiles"].values())]
    ratio = row["ratio"]
    cells += ["1", ""] if ratio is None else [ratio_text(ratio), ratio["verdict"]]
    cells += [
        f"{row['items_per_second']:.4g}",
        bytes_for_people(row["peak_memory_bytes"]),
        bytes_for_people(row["model_bytes"]),
    ]
    return [*cells, f"{sum(row['joules_per_item'].values()):.3g}"] if joules else cells


def milliseconds(seconds: float | None) -> str:
    """Three digits; a dash where the sample does not support the figure."""
    if seconds is None:
        return "–"
    value = seconds * 1e3
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def ratio_text(ratio: Mapping[str, Any]) -> str:
    return f"{ratio['ratio']:.2f} ({ratio['low']:.2f}–{ratio['high']:.2f})"


def _cold(document: Document) -> Table:
    """Of the first point: a sweep starts the same model in the same way."""
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    table.add_column("cold start, s")
    for title in ("convert once", "process and load", "first run", "runs to warm up", "processes"):
        table.add_column(title, justify="right")
    for row in document["points"][0]["contenders"]:
        if row["percentiles"] is None:
            continue
        cold = row["cold"]
        table.add_row(
            row["name"],
            "–" if cold["convert"] is None else f"{cold['convert']:.2f}",
            _range(cold["load"], ".2f"),
            _range(cold["first_run"], ".3g"),
            _range([one["runs"] for one in row["warm_up"]], "d")
            + ("" if all(one["settled"] for one in row["warm_up"]) else ", not settled"),
            str(len(cold["load"])),
        )
    return table


def _range(values: Sequence[float], form: str) -> str:
    low, high = (format(value, form) for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"
