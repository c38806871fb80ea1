"""`interop routes`: the ways between frameworks, what they lose, and whether they are open here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from interop.routes import Route


def routes(
    source: Annotated[str | None, typer.Argument(help="The framework to come from.")] = None,
    target: Annotated[str | None, typer.Argument(help="The framework to go to.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Say how a model gets from SOURCE to TARGET, what is limited on the way, and what it needs.

    Without them: the table of all pairs. Ends in the exit code that a conversion would end in
    (2 or 6) where the way cannot be gone, and names the nearest that can.
    """
    from interop.errors import UsageError
    from interop.frameworks import find
    from interop.report.routes import all_routes_table, print_route
    from interop.routes import all_routes, find_homes, route

    if source is None:
        found = all_routes(find_homes())
        if as_json:
            print(json.dumps([one.to_json() for one in found], indent=2))
        else:
            all_routes_table(found)
        return
    if target is None:
        raise UsageError(
            "a route has two ends", hint=f"Say where to: interop routes {source} tf, for instance."
        )
    one = route(find(source).name, find(target).name, find_homes())
    if as_json:
        print(json.dumps(one.to_json(), indent=2))
    else:
        print_route(one)
    if one.error is not None:
        one.error.hint = _with_nearest(one)
        raise one.error


def _with_nearest(route: Route) -> str:
    ways = ", ".join(f"{source} → {target}" for source, target in route.nearest)
    nearest = f"the nearest ways that are open: {ways}" if ways else ""
    return "; ".join(part for part in (route.error and route.error.hint, nearest) if part)
