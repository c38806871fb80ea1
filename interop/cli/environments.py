"""`interop env`: the environments that frameworks run in."""

from __future__ import annotations

import json
from typing import Annotated

import typer

app = typer.Typer(
    help="Manage the environments that frameworks run in.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the made environments, and whether they still match their framework's pins."""
    from dataclasses import asdict

    from interop.environments import Store
    from interop.environments.provide import is_current

    store = Store()
    rows = [(made, is_current(made)) for made in store.all()]
    if as_json:
        listed = [{**asdict(m), "path": str(m.path), "name": m.path.name, "current": c} for m, c in rows]
        print(json.dumps(listed, indent=2))
        return
    if not rows:
        print(f"no environments in {store.root}; they are made on first use")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("environment", "framework", "python", "size", "made in", ""):
        table.add_column(heading)
    for made, current in rows:
        table.add_row(
            made.path.name,
            f"{made.framework} {made.version}",
            made.python,
            f"{made.bytes / 1e6:.0f} MB",
            f"{made.seconds:.0f} s",
            "" if current else "stale: its pins have changed",
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

    with RichProgress() as progress:
        environment = provide(parse(framework), progress)
    where = "the running interpreter" if environment.kind == "running" else "its own environment"
    print(f"{environment.framework} {environment.version} runs in {where}: {environment.interpreter}")


@app.command("remove")
def remove(
    names: Annotated[list[str], typer.Argument(help="Names as `interop env list` shows them.")],
) -> None:
    """Delete environments; they are made anew when they are needed."""
    from interop.environments import Store

    store = Store()
    for name in names:
        made = store.remove(name)
        print(f"removed {name} ({made.bytes / 1e6:.0f} MB)")
