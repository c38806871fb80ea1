"""`interop doctor`: what this machine can run, and why not what it cannot."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from interop.plugins import Plugin


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Say what this machine can run, what it cannot, and what to do about it."""
    from interop.doctor import examine

    report = examine()
    if as_json:
        print(json.dumps(asdict(report), indent=2, default=str))
        return
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("framework", "version", "state", ""):
        table.add_column(heading)
    for row in report.frameworks:
        style = "green" if row.runs else "red"
        why = f"{row.reason}; {row.hint}" if row.hint else row.reason
        table.add_row(row.framework, row.version, f"[{style}]{row.state}[/]", why)
    console.print(table)
    console.print()
    facts = Table.grid(padding=(0, 2))
    facts.add_row("Pythons", ", ".join(f"{i.full} ({i.source})" for i in report.interpreters))
    facts.add_row("GPU", ", ".join(report.gpu.names) or report.gpu.reason)
    facts.add_row("ONNX Runtime", ", ".join(report.onnxruntime_providers))
    facts.add_row("environments", f"{report.cache} ({report.free_bytes / 1e9:.0f} GB free)")
    console.print(facts)
    console.print()
    _print_ways(console, [row.framework for row in report.frameworks])
    _print_plugins(console, report.plugins)


def _print_ways(console: Console, frameworks: list[str]) -> None:
    """How models get out of each framework and into it, and what is limited on that."""
    from rich.table import Table

    from interop.frameworks import known
    from interop.routes import way

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("framework", "way", "by", "limits"):
        table.add_column(heading)
    for name in frameworks:
        for role, word in (("source", "out"), ("target", "in")):
            found = way(name, role)
            able = role in known()[name].roles
            limits = "; ".join(limit.what for limit in found.limits)
            table.add_row(
                name, word, found.by if able else "-", limits if able else found.instead or "-"
            )
    console.print(table)


def _print_plugins(console: Console, plugins: tuple[Plugin, ...]) -> None:
    from rich.table import Table

    if not plugins:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("plugin", "from", "state", ""):
        table.add_column(heading)
    for plugin in plugins:
        state = "[red]left out[/]" if plugin.trouble else "[green]in use[/]"
        title = "" if plugin.framework is None else plugin.framework.title
        table.add_row(plugin.name, plugin.distribution, state, plugin.trouble or title)
    console.print()
    console.print(table)
