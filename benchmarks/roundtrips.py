"""Round trips of the whole zoo: what each way keeps and costs, as a Markdown table.

    python benchmarks/roundtrips.py [--model NAME ...] [--through torch,tf,torch ...] [--rows FILE]

With --rows the figures of each trip are kept in FILE as they come, and trips in it are not made
again: a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from interop.models import ZOO

import interop
from interop.errors import InteropError

WAYS = ("torch,tf,torch", "torch,keras,torch")


def measure(name: str, through: str) -> dict[str, Any]:
    """The record of one trip, or the error that ended it."""
    with tempfile.TemporaryDirectory(prefix="interop-trip-") as folder:
        try:
            trip = interop.roundtrip(name, through.split(","), output=Path(folder) / "out")
        except InteropError as error:
            return {"model": name, "through": through, "error": error.message}
        return {**trip.to_json(), "through": through}


def row(record: dict[str, Any]) -> str:
    if "error" in record:
        return f"| {record['model']} | {record['through']} | – | {record['error']} | | | | |"
    hops = record["hops"]
    nodes = [hops[0]["before"]["nodes"]] + [(hop["after"] or {}).get("nodes") for hop in hops]
    weights = [hops[0]["before"], hops[-1]["after"]]
    cells = [
        record["model"],
        record["through"].replace(",", " → "),
        record["grade"],
        " → ".join(f"{_bits(hop['first']):.1f}" for hop in hops),
        " → ".join(str(count) for count in nodes),
        " → ".join(f"{size['weight_bytes'] / 1e6:.1f}" for size in weights),
        " × ".join(f"{hop['latency_ratio']:.2f}" for hop in hops),
        f"{sum(hop['seconds'] for hop in hops):.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def _bits(standing: dict[str, Any]) -> float:
    return min(bits for bits in standing["effective_bits"].values() if bits is not None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", action="append", choices=list(ZOO))
    parser.add_argument("--through", action="append")
    parser.add_argument("--rows", type=Path)
    arguments = parser.parse_args()
    known: dict[tuple[str, str], dict[str, Any]] = {}
    if arguments.rows is not None and arguments.rows.exists():
        records = [json.loads(line) for line in arguments.rows.read_text().splitlines()]
        known = {(one["model"], one["through"]): one for one in records}
    print("| model | way | grade | bits to the first source, hop by hop | nodes | weights, MB "
          "| latency, hop by hop | took, s |")  # fmt: skip
    print("|---|---|---|---:|---:|---:|---:|---:|")
    for through in arguments.through or WAYS:
        for name in arguments.model or ZOO:
            record = known.get((name, through)) or measure(name, through)
            if arguments.rows is not None and (name, through) not in known:
                with arguments.rows.open("a") as file:
                    file.write(json.dumps(record) + "\n")
            print(row(record), flush=True)


if __name__ == "__main__":
    main()
