"""`interop env`: the environments that frameworks run in."""

from __future__ import annotations

import json
from typing import Annotated

import typer

_WHERE = {
    "named": "the interpreter that is named for it",
    "running": "the running interpreter",
    "made": "its own environment",
}

app = typer.Typer(
    help="Manage the environments that frameworks run in.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the made environments, and whether they still match their framework's pins."""
    from dataclasses import asdict

    from interop.environments import default_store, list_environments

    rows = list_environments()
    if as_json:
        listed = [
            {"name": r.path.name, "path": str(r.path), "stale": r.stale, "broken": r.broken}
            | asdict(r.record)
            for r in rows
        ]
        print(json.dumps(listed, indent=2))
        return
    if not rows:
        print(f"no environments in {default_store().root}; they are made on first use")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("framework", "python", "size", "made in", "state", "name"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        record = row.record
        state = "its Python is gone" if row.broken else "its pins changed" if row.stale else "ready"
        table.add_row(
            f"{record.framework} {record.version}",
            record.python,
            f"{record.bytes / 1e6:.0f} MB",
            f"{record.seconds:.0f} s",
            state,
            row.path.name,
        )
    Console().print(table)


@app.command("create")
def create(
    framework: Annotated[str, typer.Argument(help="A framework, e.g. torch, or torch@2.11.")],
) -> None:
    """Make the environment of FRAMEWORK now, if no interpreter at hand serves."""
    from interop.environments import provide
    from interop.frameworks import parse
    from interop.report.terminal import RichProgress

    wanted = parse(framework)
    with RichProgress() as progress, progress.stage(f"environment for {framework}") as update:
        found = provide(wanted.framework, wanted.version, on_progress=update)
    print(f"{found.framework} {found.version} runs in {_WHERE[found.kind]}: {found.interpreter}")


@app.command("remove")
def remove(
    names: Annotated[list[str], typer.Argument(help="Names as `interop env list` shows them.")],
) -> None:
    """Delete environments; they are made anew when they are needed."""
    from interop import environments

    for name in names:
        gone = environments.remove(name)
        print(f"removed {name} ({gone.record.bytes / 1e6:.0f} MB)")
