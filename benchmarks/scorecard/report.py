"""What a scorecard leaves behind: rows, figures, tables, a plot."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

from scorecard.gates.peers import PINS
from scorecard.ledger import Row
from scorecard.plot import plot
from scorecard.summary import by_mutator, scores
from scorecard.tables import markdown, title

STEM = "mutation_scorecard"
LIBRARIES = ("numpy", "onnx", "onnxruntime")
PEERS = {
    "olive": "olive-ai",
    "onnx2tf": "onnx2tf",
    "optimum": "optimum-onnx",
    "polygraphy": "polygraphy",
}


def write_report(rows: Sequence[Row], folder: Path, seed: int) -> None:
    """mutation_scorecard.{md,json,csv} and one plot for each choice of inputs, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{STEM}.md").write_text(markdown(rows, seed))
    found = scores(rows)
    summary = {
        "seed": seed,
        "versions": {
            "python": sys.version.split()[0],
            **{n: version(n) for n in LIBRARIES},
            **_pins(),
        },
        "gates": [asdict(score) for score in found],
        "mutators": by_mutator(rows),
    }
    (folder / f"{STEM}.json").write_text(json.dumps(summary, indent=1) + "\n")
    _write_rows(rows, folder / f"{STEM}.csv")
    for inputs in ("quick", "wide"):
        shown = [replace(s, gate=title(s.gate)) for s in found if s.inputs == inputs]
        heading = f"Faults found against faithful runs blamed, {inputs} inputs"
        (folder / f"{STEM}_{inputs}.svg").write_text(plot(shown, heading))


def _pins() -> dict[str, str]:
    """The versions of the other tools."""
    lines = {name: (PINS / f"{name}.txt").read_text().splitlines() for name in PEERS}
    return {
        name: next(line.split("==")[1] for line in lines[name] if line.startswith(f"{package}=="))
        for name, package in PEERS.items()
    }


def _write_rows(rows: Sequence[Row], path: Path) -> None:
    """One line a case: a gate's column is 1 where it blames, 0 where not, empty where not asked."""
    gates = list(dict.fromkeys(gate for row in rows for gate in row.blamed))
    wide = list(dict.fromkeys(gate for row in rows for gate in row.blamed_wide))
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["model", "kind", "case", "at", "status", "difference", "bits", "exact", "reason"]
            + [title(gate) for gate in gates] + [f"{title(gate)}, wide" for gate in wide]
        )  # fmt: skip
        for row in rows:
            difference = "" if row.difference is None else f"{row.difference:.1e}"
            exact = "" if row.exact is None else f"{row.exact[1]:.2g}"
            flags = [_flag(row.blamed, gate) for gate in gates]
            flags += [_flag(row.blamed_wide, gate) for gate in wide]
            reason = row.reason[:60] if row.status == "left out" else ""
            what = [row.subject, row.kind, row.case, row.site, row.status]
            writer.writerow([*what, difference, row.bits, exact, reason, *flags])


def _flag(blamed: dict[str, bool], gate: str) -> str:
    return "" if gate not in blamed else str(int(blamed[gate]))
