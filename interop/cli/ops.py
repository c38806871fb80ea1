"""`interop ops`: which operator reaches which target, and how."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from interop.coverage import Row


def ops(
    operator: Annotated[
        str | None, typer.Argument(help="Part of a name, in any case: only those operators.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the table as Markdown.")
    ] = False,
) -> None:
    """List the operators and how each target covers them.

    native: a lowering of its own. decomposed: rewritten into simpler operators first. standard body:
    replaced by the function body that the standard gives. -: not covered; a model that has it is
    refused, and the node named.
    """
    from interop.coverage import coverage

    rows = [row for row in coverage() if (operator or "").lower() in row.operator.lower()]
    if not rows:
        from interop.errors import UsageError

        raise UsageError(
            f"no operator has '{operator}' in its name", hint="`interop ops` lists them all."
        )
    if as_json:
        print(json.dumps([{**vars(row), "ways": dict(row.ways)} for row in rows], indent=2))
    elif as_markdown:
        print(markdown(rows))
    else:
        _print_table(rows)


def markdown(rows: list[Row]) -> str:
    """The table, and below it how many operators each target covers in which way."""
    targets = list(rows[0].ways)
    lines = [
        "# Operators",
        "",
        "Written by `interop ops --markdown`, and held to it by a test. *native*: a lowering of its own;",
        "*decomposed*: rewritten into simpler operators first, once for all targets; *standard body*:",
        "replaced by the function body that the standard gives; *-*: not covered, refused by name.",
        "",
        f"| operator | since | {' | '.join(targets)} |",
        f"|---|---|{'---|' * len(targets)}",
    ]
    for row in rows:
        name = row.operator if row.domain == "ai.onnx" else f"{row.domain}::{row.operator}"
        ways = " | ".join(row.ways[target] for target in targets)
        lines.append(f"| {name} | {row.since or ''} | {ways} |")
    return "\n".join([*lines, "", *_totals(rows)])


def _totals(rows: list[Row]) -> list[str]:
    totals = []
    for target in rows[0].ways:
        count = Counter(row.ways[target] for row in rows)
        parts = ", ".join(
            f"{number} {way if way != '-' else 'not covered'}"
            for way, number in count.most_common()
        )
        totals.append(f"{target}: {parts}.")
    return totals


def _print_table(rows: list[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("operator", "since", *rows[0].ways):
        table.add_column(heading)
    for row in rows:
        name = row.operator if row.domain == "ai.onnx" else f"{row.domain}::{row.operator}"
        table.add_row(name, str(row.since or ""), *row.ways.values())
    console = Console()
    console.print(table)
    for line in _totals(rows):
        console.print(line, highlight=False)
