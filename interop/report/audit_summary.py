"""What a person sees of an audit, and of two compared, on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from interop.report.audit import headline
from interop.report.audits import mark, sentence
from interop.report.words import amount, bytes_for_people, seconds, told_right

if TYPE_CHECKING:
    from interop.audit.difference import Change
    from interop.audit.run import Audit

_STYLES = {"blocks": "bold red", "warns": "yellow", "worse": "bold red", "better": "green"}


def audit_summary(audit: Audit, console: Console | None = None) -> None:
    """The verdict, where it runs, what stands in the way, and where the page is."""
    console, record = console or Console(), audit.document
    console.print(Text(headline(record), "bold green" if record["passes"] else "bold red"))
    for one in (record["policy"] or {}).get("violations", ()):
        console.print(Text(f"  {one['rule']}: {one['sentence']}", "red"))
    console.print()
    console.print(_backends(record["backends"]))
    for row in record["backends"]:
        if row["accuracy"] is not None:
            console.print(Text(f"{row['backend']}: {told_right(row['accuracy'])}"))
    for row in record["backends"]:
        if not row["passes"]:
            console.print(Text(f"{row['backend']}: {row['sentence']}"))
            for step in row["next_steps"]:
                console.print(Text(f"  next: {step}", "cyan"))
    console.print()
    _fewer_bits(record["variants"], console)
    for one in record["static"]["findings"]:
        if one["severity"] != "informs":
            console.print(Text(f"{one['severity']} {one['rule']}: {one['sentence']}",
                               _STYLES[one["severity"]]))  # fmt: skip
    console.print(_facts(record["static"]))
    console.print(f"written   {audit.folder / 'index.html'}, audit.json, .md, .xml, .sarif")


def _backends(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column("", no_wrap=True)
    table.add_column("version")
    for heading in ("bits", "latency", "times the first", "memory", "to ship"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        latency = row["latency"]
        table.add_row(
            Text(row["grade"] or "–", "bold green" if row["passes"] else "bold red"),
            row["backend"],
            row["version"],
            "" if row["effective_bits"] is None else f"{row['effective_bits']:.1f}",
            "" if latency is None else seconds(latency["median"]),
            "" if latency is None or latency["is_reference"] else _ratio(latency),
            "" if latency is None else bytes_for_people(latency["peak_memory_bytes"]),
            "" if row["bytes"] is None else bytes_for_people(row["bytes"]),
        )
    return table


def _ratio(latency: dict[str, Any]) -> str:
    return f"{latency['ratio']:.2f} ({latency['low']:.2f}–{latency['high']:.2f})"


def _fewer_bits(rows: Sequence[dict[str, Any]], console: Console) -> None:
    for row in rows:
        if row["effective_bits"] is None:
            console.print(Text(f"in {row['precision']}: {row['sentence']}"))
        else:
            size = bytes_for_people(row["bytes"])
            bits = f"{row['effective_bits']:.1f} of 24 effective bits are left, {size}"
            right = told_right(row["accuracy"])
            console.print(Text(f"in {row['precision']}: {bits}{right and '; '}{right}"))


def _facts(static: dict[str, Any]) -> Text:
    facts, cost = static["facts"], static["cost"]
    words = [f"{amount(facts['parameters'])} parameters", f"{amount(facts['weight_bytes'], 'B')}"]
    if cost is not None:
        words.append(f"{amount(cost['operations'])} operations a run")
        words.append(f"{amount(cost['activation_bytes'], 'B')} between nodes")
    return Text(f"model     {', '.join(words)}")


def several_summary(
    document: Mapping[str, Any], folder: Path, console: Console | None = None
) -> None:
    """Models down, backends across, then what stands in the way, and where the page is."""
    console = console or Console()
    console.print(
        Text(f"{sentence(document)}.", "bold green" if document["passes"] else "bold red")
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", *document["on"], "took"):
        table.add_column(heading, overflow="fold")
    for row in document["models"]:
        cells = {one["backend"]: one for one in row["backends"]}
        marks = [mark(cells.get(name)) for name in document["on"]]
        table.add_row(row["name"], *marks, f"{row['seconds']:.0f} s")
    console.print(table)
    for row in document["models"]:
        if not row["backends"]:
            console.print(Text(f"{row['name']}: {row['sentence']} {row['next_step']}".rstrip()))
    console.print(f"written   {folder / 'index.html'}, audits.json, .md, .xml, .sarif")


def changes_summary(changes: Sequence[Change], console: Console | None = None) -> None:
    """A line a change, what got worse first."""
    console = console or Console()
    if not changes:
        console.print("Nothing changed beyond noise.")
    for one in changes:
        console.print(Text(f"{one.kind:<7} {one.what}: {one.sentence}", _STYLES.get(one.kind, "")))
