"""A bisection as a person sees it: the node, where it comes from, and the evidence."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


def bisect_summary(document: dict[str, Any], console: Console | None = None) -> None:
    console = console or Console()
    if document["finding"] is not None:
        _found(document, console)
    elif document["whole"]:
        console.print(_nothing(document))
    else:
        console.print(layer_table(document["layers"]))
    for note in document["notes"]:
        console.print(Text(f"note: {note}", style="yellow"))


def _nothing(document: dict[str, Any]) -> Text:
    undecided = sum(layer["undecided"] is not None for layer in document["layers"])
    text = (
        f"nothing goes wrong on {document['candidate'] or document['backend']}: the whole is right"
    )
    text += f" on {len(document['whole'])} sets of inputs, and so is each of its nodes by itself"
    if document["precision"] != "float32":
        text += f", to within what {document['precision']} does"
    if undecided:
        text += f", but for {undecided} that could not be judged (--json says why)"
    return Text(text, style="green")


def _found(document: dict[str, Any], console: Console) -> None:
    finding = document["finding"]
    words = {
        "node": "goes wrong first",
        "weight": "reads a weight that differs",
        "fused": "go wrong together, and none of them by itself",
    }[finding["kind"]]
    names = ", ".join(node["node"] for node in finding["nodes"][:8])
    more = len(finding["nodes"]) - 8
    names += f" and {more} more" if more > 0 else ""
    console.print(Text.assemble((names, "bold red"), f" {words}"))
    console.print()
    facts = Table.grid(padding=(0, 2))
    facts.add_row("why", Text(finding["reason"]))
    for change in finding["changes"]:
        facts.add_row("written", Text(change))
    for weight in finding["weights"]:
        looks = f" ({weight['looks']})" if weight["looks"] else ""
        facts.add_row("weight", Text(f"{weight['name']} {weight['what']}{looks}"))
    for node in finding["nodes"][:3]:
        if node["origin"]:
            facts.add_row("from", Text(node["origin"]["text"]))
    if finding["inputs"]:
        facts.add_row("inputs", Text(finding["inputs"]))
    facts.add_row("confirmed", Text(finding["confirmed"]))
    wrong = sum(layer["wrong"] for layer in document["layers"])
    facts.add_row(
        "looked at",
        f"{len(document['prefixes'])} prefixes and {len(document['layers'])} single nodes of "
        f"{document['nodes']}; wrong by themselves: {wrong}",
    )
    if document["reproducer"]:
        facts.add_row("reproducer", Text(document["reproducer"]))
        facts.add_row("", Text(f"cd {document['reproducer']} && {document['rerun']}"))
    console.print(facts)


def layer_table(layers: list[dict[str, Any]]) -> Table:
    """One row a node."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("node", "verdict"):
        table.add_column(heading)
    for heading in ("bits", "times the floor"):
        table.add_column(heading, justify="right")
    table.add_column("from", no_wrap=True)
    for layer in layers:
        verdict = "undecided" if layer["undecided"] else layer["verdict"] or "cannot be run"
        bits, multiple = layer["effective_bits"], layer["error_over_floor"]
        table.add_row(
            Text(layer["node"]),
            Text(verdict, style="red" if layer["wrong"] else ""),
            "–" if bits is None else f"{bits:.1f}",
            "–" if multiple is None else f"{multiple:.3g}",
            Text(_module(layer["origin"])),
        )
    return table


def _module(origin: dict[str, str] | None) -> str:
    """In short: the module's path, or the class of the model itself."""
    if origin is None:
        return ""
    return origin["scope"] or origin["kind"].rpartition(".")[2] or origin["line"].partition(",")[0]
