"""The matrix as a JSON document, and renderings of it: Markdown here, the page in matrix_page.py."""

from __future__ import annotations

import platform
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from interop.frameworks import known
from interop.matrix import definitions
from interop.matrix.cells import SCHEMA_VERSION, Cell, Key, now
from interop.models import ZOO
from interop.output import write_json

#: Words for a cell without a grade, by the error that it ended in.
FAILURES = {
    "UnsupportedOperator": "unsupported",
    "InvalidModel": "invalid model",
    "EnvironmentUnavailable": "no environment",
    "WorkerCrashed": "crashed",
    "WorkerTimedOut": "timed out",
}

_OPERATOR = re.compile(r"\b(?:[\w.]+::)?(\w+)-\d+ \(node")


def write_report(folder: Path, cells: Mapping[Key, Cell]) -> dict[str, Any]:
    """Write matrix.json, matrix.md and index.html into `folder`; returns the document."""
    from interop.report.matrix_page import page

    document = report(cells, definitions.agreements(folder / definitions.FOLDER))
    write_json(document, folder / "matrix.json")
    (folder / "matrix.md").write_text(markdown(document), "utf-8")
    (folder / "index.html").write_text(page(document), "utf-8")
    return document


def report(
    cells: Mapping[Key, Cell], agreements: tuple[definitions.Agreement, ...]
) -> dict[str, Any]:
    """All that is known, models and frameworks in the order of their tables."""
    order = list(known())
    models = [name for name in ZOO if any(key.model == name for key in cells)]
    sources = [name for name in order if any(key.source == name for key in cells)]
    targets = [name for name in order if any(key.target == name for key in cells)]
    ordered = [
        cells[Key(model, source, target)]
        for model in models
        for source in sources
        for target in targets
        if Key(model, source, target) in cells
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "created": now(),
        "models": models,
        "sources": sources,
        "targets": targets,
        "counts": dict(Counter(word(cell.to_json()) for cell in ordered).most_common()),
        "cells": [{**cell.to_json(), "operators": _operators(cell)} for cell in ordered],
        "definitions": [asdict(one) for one in agreements],
        "versions": {
            "interop": metadata.version("interop"),
            "python": platform.python_version(),
            **dict(sorted({v for cell in ordered for v in _versions(cell)})),
        },
        "machine": {"system": platform.platform(), "processor": platform.machine()},
    }


def _versions(cell: Cell) -> list[tuple[str, str]]:
    ends = {"source": cell.source, "target": cell.target}
    return [(ends[end], version) for end, version in cell.versions.items()]


def _operators(cell: Cell) -> list[str]:
    """The operators that a refusal names."""
    if cell.failure is None or cell.failure.type != "UnsupportedOperator":
        return []
    return sorted(set(_OPERATOR.findall(cell.failure.message)))


def word(cell: Mapping[str, Any]) -> str:
    """The grade, or the word for what kept it from one."""
    if cell["failure"] is None:
        return str(cell["grade"])
    return FAILURES.get(cell["failure"]["type"], "error")


def bits_of(cell: Mapping[str, Any]) -> float | None:
    """Effective bits of the worst output."""
    return min((b for b in cell["effective_bits"].values() if b is not None), default=None)


def mark(cell: Mapping[str, Any]) -> str:
    """As in "A 23.9" or "unsupported"."""
    bits = bits_of(cell)
    return word(cell) if bits is None else f"{word(cell)} {bits:.1f}"


def sentence(document: Mapping[str, Any]) -> str:
    """How many of the cells passed."""
    cells = document["cells"]
    passed = sum(cell["passes"] for cell in cells)
    others = [(k, n) for k, n in document["counts"].items() if k not in ("A", "B")]
    rest = ", ".join(f"{n} graded {k}" if len(k) == 1 else f"{n} {k}" for k, n in others)
    return f"{passed} of {len(cells)} conversions compute the same function" + (
        f" ({rest})" if rest else ""
    )


def markdown(document: Mapping[str, Any]) -> str:
    """The matrix as a table, the definitions as another, and what stood in the way."""
    cells = {(c["model"], c["source"], c["target"]): c for c in document["cells"]}
    targets = document["targets"]
    lines = [
        "# The matrix",
        "",
        f"{sentence(document)}. Grade and effective bits (of 24) of the worst output; °: the zoo has "
        "no definition there, so the source is what a conversion wrote.",
        "",
        f"| model | from | {' | '.join(targets)} |",
        f"|---|---|{'---|' * len(targets)}",
    ]
    for model in document["models"]:
        for source in document["sources"]:
            row = [cells.get((model, source, target)) for target in targets]
            if any(row):
                hand = "°" if any(cell and cell["via"] for cell in row) else ""
                shown = " | ".join("" if cell is None else mark(cell) for cell in row)
                lines.append(f"| {model} | {source}{hand} | {shown} |")
    return "\n".join([*lines, *_definitions(document), *_obstacles(document), ""])


def _definitions(document: Mapping[str, Any]) -> list[str]:
    if not document["definitions"]:
        return []
    lines = [
        "",
        "## The definitions agree",
        "",
        "Each definition of the zoo on the same inputs: its error over what rounding does, against the "
        "float64 truth; and the effective bits of the two that differ most.",
        "",
        "| model | error over floor | furthest apart |",
        "|---|---|---|",
    ]
    for one in document["definitions"]:
        standings = ", ".join(
            f"{s['framework']} {s['grade'] or 'failed'}"
            + ("" if s["error_over_floor"] is None else f" {s['error_over_floor']:.2f}")
            for s in one["standings"]
        )
        lines.append(f"| {one['model']} | {standings} | {furthest(one)} |")
    return lines


def furthest(agreement: Mapping[str, Any]) -> str:
    """As in "torch–jax, 23.4 bits"."""
    pairs = [pair for pair in agreement["pairs"] if pair["effective_bits"] is not None]
    if not pairs:
        return ""
    worst = min(pairs, key=lambda pair: pair["effective_bits"])
    return f"{worst['first']}–{worst['second']}, {worst['effective_bits']:.1f} bits"


@dataclass(frozen=True)
class Obstacle:
    """What kept cells from a grade. where: "out of …" or "into …"; what: operators or first lines of
    messages, with the number of cells that each kept."""

    kind: str
    where: str
    cells: int
    what: Mapping[str, int]

    def reasons(self, most: int = 12) -> str:
        """The most frequent ones."""
        shown = [f"{text} ({n})" for text, n in list(self.what.items())[:most]]
        more = len(self.what) - most
        return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def obstacles(document: Mapping[str, Any]) -> list[Obstacle]:
    """All of them, those that kept the most cells first."""
    cells: Counter[tuple[str, str]] = Counter()
    what: dict[tuple[str, str], Counter[str]] = {}
    for cell in document["cells"]:
        failure = cell["failure"]
        if failure is None:
            continue
        end = failure["end"]
        where = f"{'out of' if end == 'source' else 'into'} {cell[end]}"
        key = word(cell), where
        cells[key] += 1
        reasons = cell["operators"] or [_first_reason(failure["message"])]
        what.setdefault(key, Counter()).update(reasons)
    return [
        Obstacle(*key, count, dict(what[key].most_common())) for key, count in cells.most_common()
    ]


def _first_reason(message: str) -> str:
    """The first line, or where that only counts what follows, the next."""
    lines = [line.strip() for line in message.splitlines()]
    return lines[1] if len(lines) > 1 and lines[0].endswith(":") else lines[0]


def _obstacles(document: Mapping[str, Any]) -> list[str]:
    found = obstacles(document)
    if not found:
        return []
    rows = [
        f"| {one.kind} | {one.where} | {one.reasons().replace('|', '/')} | {one.cells} |"
        for one in found
    ]
    return [
        "",
        "## What stood in the way",
        "",
        "| | where | what | cells |",
        "|---|---|---|---:|",
        *rows,
    ]
