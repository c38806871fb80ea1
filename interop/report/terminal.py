"""What a person sees: progress while it runs, a short verdict when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from interop.progress import Update
from interop.report.words import bytes_for_people

if TYPE_CHECKING:
    from interop.conversion import Conversion


class RichProgress:
    """One bar a stage, on standard error; nothing at all when that is no terminal."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[message]}", style="dim"),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> RichProgress:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    @contextmanager
    def stage(self, title: str) -> Iterator[Update]:
        task = self._bars.add_task(title, total=None, message="")

        def update(fraction: float | None, message: str) -> None:
            known = fraction is not None
            self._bars.update(
                task,
                total=1.0 if known else None,
                completed=fraction if known else None,
                message=message[:60],
            )

        yield update
        self._bars.update(task, total=1.0, completed=1.0, message="")


def conversion_summary(conversion: Conversion, console: Console | None = None) -> None:
    """The verdict, the evidence for it and where the artifacts are."""
    console = console or Console()
    manifest = conversion.manifest
    style = "green" if conversion.passed else "red"
    grade, rule = manifest["grade"], manifest["rule"]
    console.print(
        Text.assemble(
            (f"{grade} ", f"bold {style}"),
            (f"{'same function' if conversion.passed else 'NOT the same function'}: ", style),
            rule["sentence"],
        )
    )
    console.print()
    console.print(_outputs(manifest["parity"]))
    console.print()
    console.print(_facts(manifest, str(conversion.folder)))
    for note in manifest["notes"]:
        console.print(Text(f"note: {note}", style="yellow"))


def _outputs(parity: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("output")
    table.add_column("verdict")
    headings = ("effective bits", "max abs error", "times the floor", "SNR (dB)", "top-1")
    for heading in headings:
        table.add_column(heading, justify="right")
    for name, figures in parity["outputs"].items():
        table.add_row(
            name,
            figures["verdict"],
            _bits(figures),
            _number(figures["max_abs"], ".2g"),
            _number(_worst(figures["error_over_floor"]), ".3g"),
            _number(figures["snr_db"], ".0f"),
            _number(figures["top1"], ".0%"),
        )
    return table


def _bits(figures: dict[str, Any]) -> str:
    """Of those that there are, where these are not the 24 of float32."""
    bits = _number(figures["effective_bits"], ".1f")
    return bits if figures["bits"] == 24 or bits == "–" else f"{bits} of {figures['bits']:.3g}"


def _worst(multiples: dict[str, float | None]) -> float | None:
    return max((one for one in multiples.values() if one is not None), default=None)


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _facts(manifest: dict[str, Any], folder: str) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row("route", " → ".join(manifest["route"]["formats"]))
    table.add_row("compared", manifest["parity"]["summary"])
    latency = manifest["latency"]
    low, high = latency["ratio_interval"]
    unclear = latency["verdict"] == "unclear"
    between = (
        "unclear: the machine was busy" if unclear else f"95 % between {low:.2f} and {high:.2f}"
    )
    table.add_row(
        "latency",
        f"{latency['artifact_ms']:.1f} ms against {latency['source_ms']:.1f} ms at the source: "
        f"{latency['ratio']:.2f} times ({between})",
    )
    seconds = manifest["seconds"]
    table.add_row("took", f"{seconds['total']:.1f} s")
    table.add_row("written", folder)
    for artifact in manifest["artifacts"]:
        table.add_row(
            "", f"{artifact['path']}  {bytes_for_people(artifact['bytes'])}  {artifact['what']}"
        )
    return table
