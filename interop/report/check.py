"""What a person sees of a check: a row a side, and below it what is wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from interop.report.aspects import show_aspects, tokens_line, unaided_line
from interop.report.words import bytes_for_people

if TYPE_CHECKING:
    from interop.checks import Check


def check_summary(check: Check, console: Console | None = None) -> None:
    """The verdict, the rows, and the reasons of those that fail."""
    console = console or Console()
    document, rows = check.document, check.rows
    good = sum(row["passes"] for row in rows)
    style = "green" if check.passed else "red"
    console.print(
        Text(f"{good} of {len(rows)} compute the same function: {_measured(document)}", style)
    )
    console.print()
    console.print(_table(rows))
    for row in rows:
        for line in _trouble(row):
            console.print(line)
        for note in row["notes"]:
            console.print(Text(f"note: {note}", style="yellow"))
    show_aspects(document, console)
    console.print()
    console.print(_facts(document))


def _measured(document: dict[str, Any]) -> str:
    if document["random_nodes"]:
        first = document["random_nodes"][0]
        return f"{first} draws random numbers, so that distributions are compared"
    return f"{len(document['inputs'])} sets of inputs, against the float64 truth"


#: Folders before a file's name: what lies in front of it takes the room of the figures.
_LEADING = re.compile(r".*/(?=[^/\s])")


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("")
    table.add_column("", overflow="fold")
    table.add_column("version", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("bits", justify="right", no_wrap=True)
    table.add_column("worst output", overflow="fold")
    for heading in ("ready", "run", "memory"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        mark = row["grade"] or ("=" if row["passes"] else "–" if row["error"] else "F")
        table.add_row(
            Text(mark, style="bold green" if row["passes"] else "bold red"),
            _LEADING.sub("", row["label"]),
            row["version"],
            Text(_verdict(row)),
            _bits(row),
            row["output"] or "",
            _number(row["seconds"].get("ready"), ".1f s"),
            _number(row["seconds"].get("run"), ".2f s"),
            bytes_for_people(row["peak_memory_bytes"]) if row["peak_memory_bytes"] else "–",
        )
    return table


def _verdict(row: dict[str, Any]) -> str:
    if row["error"] is not None:
        return row["error"]["kind"]
    return row["verdict"] or "the measure"


def _bits(row: dict[str, Any]) -> str:
    """Of those that the precision has."""
    if row["effective_bits"] is None:
        return "–"
    return f"{row['effective_bits']:.1f} of {row['bits']:.3g}"


def _trouble(row: dict[str, Any]) -> list[Text]:
    if row["passes"]:
        return []
    said = row["sentence"].removeprefix(row["label"]).lstrip(": ")
    lines = [Text(f"{row['label']}: {said}", style="red")]
    error = row["error"]
    if error is None:
        against = f"against {row['against']}"
        return [*lines, Text(f"  {against}" + (f", on {row['inputs']}" if row["inputs"] else ""))]
    if error["hint"]:
        lines.append(Text(f"  next: {error['hint']}"))
    return lines + [Text(f"  {line}", style="dim") for line in error["detail"].splitlines()[:6]]


def _number(value: float | None, form: str) -> str:
    """`form` as for format, with a unit after a space."""
    number, _, unit = form.partition(" ")
    return "–" if value is None else f"{value:{number}} {unit}".rstrip()


def _thresholds(wide: dict[str, Any]) -> str:
    """How many the inputs met on both sides, and the first that they did not."""
    met = f"{wide['exercised']} of {wide['thresholds']} met on both sides"
    missed = [f"{one['threshold']} ({one['how']})" for one in wide["missed"]]
    more = f" and {len(missed) - 3} more" if len(missed) > 3 else ""
    return f"{met}; not: {'; '.join(missed[:3])}{more}" if missed else met


def _facts(document: dict[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row("inputs", "; ".join(one["label"] for one in document["inputs"]))
    if document["wide"] is not None:
        table.add_row("thresholds", _thresholds(document["wide"]))
    if document["truth"]["written_out"]:
        nodes = ", ".join(document["truth"]["written_out"])
        table.add_row("truth", f"in float64; of {nodes} as simpler operators")
    if document["unaided"]:
        table.add_row("by itself", unaided_line(document["unaided"]))
    if document["tokens"]:
        table.add_row("tokens", tokens_line(document["tokens"]))
    seconds = document["seconds"]
    stages = ", ".join(f"{name} {s:.1f}" for name, s in seconds.items() if name != "total")
    table.add_row("took", f"{seconds['total']:.1f} s ({stages})")
    return table
