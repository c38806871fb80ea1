"""What a person sees of the aspects of a check: what fails in full, what is good in a line each."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

#: Nodes in the table of layers; --json has all.
SHOWN = 30

#: Bits that a node has to lose to be in it.
LEAST = 0.05


def aspect_tables(document: dict[str, Any]) -> list[Group]:
    """The tables of what was asked for, each under its title."""
    tables = (
        ("labels", "choices", _labels), ("gradients", "gradients", _gradients),
        ("layers", "node by node", _layers),
    )  # fmt: skip
    return [
        Group(Text(title, style="bold"), make(document[name]))
        for name, title, make in tables
        if document[name]
    ]


def aspect_troubles(document: dict[str, Any]) -> list[Text]:
    """A line for each side that fails in one of them."""
    lines = []
    for name, what in (
        ("unaided", "by itself"), ("labels", "labels"), ("tokens", "tokens"),
        ("gradients", "gradients"), ("layers", "layers"),
    ):  # fmt: skip
        for one in document[name] or ():
            if one["passes"] is False:
                lines.append(Text(f"{one['label']}, {what}: {one['reason']}", style="red"))
                lines += _next(one)
    return lines


def _next(one: dict[str, Any]) -> list[Text]:
    if one["error"] is not None and one["error"]["hint"]:
        return [Text(f"  next: {one['error']['hint']}")]
    origin = (one.get("first") or {}).get("origin")
    return [Text(f"  from {origin['text']}")] if origin else []


def unaided_line(sides: list[dict[str, Any]]) -> str:
    """What all sides show by themselves, in a line: each check with the worst that was found."""
    worst: dict[str, tuple[int, str, str]] = {}
    for side in sides:
        for finding in side["findings"]:
            rank = _RANKS.index(finding["outcome"])
            known = worst.get(finding["check"])
            if known is None or rank > known[0]:
                worst[finding["check"]] = rank, finding["outcome"], side["label"]
    return "; ".join(
        f"{check} {outcome}" + (f" ({label})" if rank > 2 else "")
        for check, (rank, outcome, label) in worst.items()
    )


_RANKS = (
    "not applicable", "equal", "equal to within rounding", "different by design", "different",
    "cannot be run",
)  # fmt: skip


def tokens_line(sides: list[dict[str, Any]]) -> str:
    told = list(dict.fromkeys(side["reason"] for side in sides))
    if len(told) == 1:
        return told[0]
    return "; ".join(f"{side['label']}: {side['reason']}" for side in sides)


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    for heading in headings:
        left = heading in ("worst", "verdict", "from", "")
        table.add_column(heading, justify="left" if left else "right", overflow="fold")
    return table


def _style(side: dict[str, Any]) -> str:
    return {True: "green", False: "red", None: ""}[side["passes"]]


def _without(sides: list[dict[str, Any]], key: str) -> list[Text]:
    """A line for each that has nothing to show in a table."""
    return [Text(f"{s['label']}: {s['reason']}", _style(s)) for s in sides if key not in s]


def _labels(sides: list[dict[str, Any]]) -> Group:
    table = _table("accuracy", "F1", "other choices", "by rounding", "")
    for side in sides:
        for name, one in side.get("outputs", {}).items():
            table.add_row(
                side["label"], f"{one['artifact']['accuracy']:.2%}", f"{one['artifact']['f1']:.4f}",
                Text(f"{one['flips']} of {one['rows']}", _style(side)), str(one["ties"]), name,
            )  # fmt: skip
    return Group(table, *_without(sides, "outputs"))


def _gradients(sides: list[dict[str, Any]]) -> Group:
    table = _table("verdict", "bits", "compared", "in another form", "worst")
    for side in sides:
        if "gradients" not in side:
            continue
        worst = next(one for one in side["gradients"] if one["name"] == side["worst"])
        bits = "–" if worst["effective_bits"] is None else f"{worst['effective_bits']:.1f} of 24"
        table.add_row(
            side["label"], Text(worst["verdict"], _style(side)), bits, str(len(side["gradients"])),
            str(len(side["unmatched"])), side["worst"],
        )  # fmt: skip
    return Group(table, *_without(sides, "gradients"))


def _layers(sides: list[dict[str, Any]]) -> Group:
    """A row for each node that loses something, with the bits that it loses on each backend; the first
    that leaves the floor is marked."""
    profiled = [side for side in sides if "nodes" in side]
    rows = list(zip(*(side["nodes"] for side in profiled), strict=True))
    shown = _shown(rows)
    table = _table(*(f"lost on {side['label']}" for side in profiled), "verdict", "from")
    for number in shown:
        cells = rows[number]
        first = any((side["first"] or {}).get("number") == number for side in profiled)
        worst = max(cells, key=_loss)
        table.add_row(
            Text(cells[0]["node"], style="bold red" if first else ""),
            *(Text(_lost(cell), style="red" if cell["wrong"] else "") for cell in cells),
            Text(_verdict(worst) + (", the first" if first else "")),
            Text(_source_of(cells[0]["origin"])),
        )
    lines: list[Any] = [table] if shown else []
    if rows and len(shown) < len(rows):
        which = f"the other {len(rows) - len(shown)}" if shown else f"all {len(rows)} nodes"
        lines.append(
            Text(
                f"{which} lose less (--json has each)"
                if shown
                else f"{which} stay within what rounding does (--json has each)"
            )
        )
    return Group(*lines, *_without(sides, "nodes"))


def _shown(rows: list[Any]) -> list[int]:
    """The numbers of those that lose most, in the graph's order."""
    losing = [n for n, cells in enumerate(rows) if max(map(_loss, cells)) > (False, LEAST)]
    most = sorted(losing, key=lambda number: max(map(_loss, rows[number])), reverse=True)
    return sorted(most[:SHOWN])


def _loss(cell: dict[str, Any]) -> tuple[bool, float]:
    return cell["wrong"], cell["bits_lost"] or 0.0


def _lost(cell: dict[str, Any]) -> str:
    if cell["bits_lost"] is None:
        return "–"
    return f"{cell['bits_lost']:.1f} bits"


def _verdict(cell: dict[str, Any]) -> str:
    return "undecided" if cell["undecided"] else cell["verdict"] or "cannot be run"


def _source_of(origin: dict[str, str] | None) -> str:
    """The module's path and the line, as far as the exporter gave them."""
    if origin is None:
        return ""
    place = PurePath(origin["line"].partition(",")[0]).name
    return ", ".join(part for part in (origin["scope"], place) if part)


def show_aspects(document: dict[str, Any], console: Console) -> None:
    """Tables first, then what is wrong."""
    for table in aspect_tables(document):
        console.print()
        console.print(table)
    for line in aspect_troubles(document):
        console.print(line)
