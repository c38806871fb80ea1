"""`interop models`: what the zoo holds."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the models of the zoo, each defined in several frameworks on the same weights."""
    from interop.models import ALIASES, ZOO

    aliases = {name: [a for a, target in ALIASES.items() if target == name] for name in ZOO}
    if as_json:
        rows = [
            {
                "name": entry.name,
                "aliases": aliases[name],
                "title": entry.title,
                "frameworks": sorted(entry.definitions),
                "inputs": {i.name: {"dtype": i.dtype, "shape": i.shape} for i in entry.inputs},
                "outputs": list(entry.outputs),
            }
            for name, entry in ZOO.items()
        ]
        print(json.dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("model", "what it is", "inputs", "defined in"):
        table.add_column(heading)
    for name, entry in ZOO.items():
        inputs = "\n".join(
            f"{i.name}: {i.dtype}[{','.join(map(str, i.shape))}]" for i in entry.inputs
        )
        shown = " = ".join([name, *aliases[name]])
        table.add_row(shown, entry.title, inputs, ", ".join(sorted(entry.definitions)))
    Console().print(table)
