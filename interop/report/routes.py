"""What a person sees of the ways between frameworks."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from interop.frameworks import known
from interop.routes import Route

_STYLES = {
    "named": "green",
    "ready": "green",
    "running": "green",
    "on first use": "yellow",
    "unavailable": "red",
}
#: Short, so that a row of many targets is a line.
_MARKS = {"ready": "✓", "on first use": "○", "unavailable": "✗", "none": "-"}


def print_route(route: Route, console: Console | None = None) -> None:
    """The steps, the limits and the environments of one route; nothing of one that leads nowhere."""
    if not route.steps:
        return
    console = console or Console()
    console.print(Text(f"{route.source} → {route.target}", style="bold"))
    steps = Table.grid(padding=(0, 2))
    for number, step in enumerate(route.steps, start=1):
        where = f"in {step.framework}'s own process" if step.framework else ""
        steps.add_row(f" {number}", step.what, step.by, Text(where, style="dim"))
    console.print(steps)
    console.print()
    limits = Table.grid(padding=(0, 2))
    for part, found in route.limits.items():
        for index, limit in enumerate(found):
            named = f" ({', '.join(limit.operators)})" if limit.operators else ""
            limits.add_row(part if index == 0 else "", limit.what + named)
        if not found:
            limits.add_row(part, Text("nothing is known to be lost", style="dim"))
    console.print(limits)
    console.print()
    homes = Table.grid(padding=(0, 2))
    for home in route.homes:
        state = Text(home.state, style=_STYLES[home.state])
        homes.add_row(home.framework, home.version, state, home.reason)
    console.print(homes)


def all_routes_table(routes: Sequence[Route], console: Console | None = None) -> None:
    """Sources down, targets across: whether the way is open, and how many limits it has."""
    console = console or Console()
    targets = list(dict.fromkeys(route.target for route in routes))
    by_pair = {(route.source, route.target): route for route in routes}
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("from \\ to", no_wrap=True)
    for target in targets:
        table.add_column(known()[target].short, no_wrap=True)
    for source in dict.fromkeys(route.source for route in routes):
        table.add_row(
            known()[source].short, *(_cell(by_pair[source, target]) for target in targets)
        )
    console.print(table)
    console.print()
    console.print(
        Text(
            "✓ ready, ○ made on first use, ✗ not here; with the number of what is limited on the way: "
            "`interop routes torch tf` says what."
        )
    )


def _cell(route: Route) -> Text:
    count = sum(len(found) for part, found in route.limits.items() if part != "every way")
    mark = _MARKS[route.state]
    return Text(f"{mark} {count}" if count else mark, style=_STYLES.get(route.state, "dim"))
