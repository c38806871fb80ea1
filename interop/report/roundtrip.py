"""What a person sees of a round trip: one row a hop."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from interop.report.words import bytes_for_people
from interop.trips import GraphSize, Hop, RoundTrip, Standing


def roundtrip_summary(trip: RoundTrip, console: Console | None = None) -> None:
    """The verdict, the hops, and where their artifacts are."""
    console = console or Console()
    style = "green" if trip.passed else "red"
    verdict = "the same function all the way" if trip.passed else "NOT the same function"
    console.print(
        Text.assemble(
            (f"{trip.grade} ", f"bold {style}"), (verdict, style), f": {' → '.join(trip.formats)}"
        )
    )
    for number, hop in enumerate(trip.hops, start=1):
        if not hop.passes:
            worst = hop.first if hop.previous.passes else hop.previous
            against = "the first source" if hop.previous.passes else "what it was converted from"
            console.print(
                Text(f"hop {number}, {hop.source} → {hop.target}, against {against}: "
                     f"{worst.sentence}", style="red")
            )  # fmt: skip
    console.print()
    console.print(_table(trip))
    console.print()
    console.print(Text(f"written  {trip.folder}, a folder a hop"))
    for number, hop in enumerate(trip.hops, start=1):
        for note in hop.notes:
            console.print(Text(f"note: hop {number}: {note}", style="yellow"))


def _table(trip: RoundTrip) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("hop", no_wrap=True)
    table.add_column("grade")
    for heading in ("bits to previous", "bits to first", "nodes", "weights", "latency", "artifact",
                    "took"):  # fmt: skip
        table.add_column(heading, justify="right")
    for hop in trip.hops:
        table.add_row(f"{hop.source} → {hop.target}", hop.previous.grade, *_figures(hop))
    return table


def _figures(hop: Hop) -> list[str]:
    return [
        _bits(hop.previous),
        _bits(hop.first),
        _change(hop.before, hop.after),
        bytes_for_people((hop.after or hop.before).weight_bytes),
        f"× {hop.latency_ratio:.2f}",
        bytes_for_people(hop.artifact_bytes),
        f"{hop.seconds:.0f} s",
    ]


def _bits(standing: Standing) -> str:
    known = [bits for bits in standing.effective_bits.values() if bits is not None]
    return f"{min(known):.1f}" if known else "–"


def _change(before: GraphSize, after: GraphSize | None) -> str:
    return str(before.nodes) if after is None else f"{before.nodes} → {after.nodes}"
