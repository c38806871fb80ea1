"""How many planted faults a checker finds, and how many faithful conversions it blames.

    python benchmarks/mutation_scorecard.py run [SUBJECT …]
    python benchmarks/mutation_scorecard.py report

`run` plants faults into every subject, or those named, and judges them and the faithful variants by
every gate; killed, it goes on where it was. `report` writes the tables, the plot and the rows of
what has been judged so far. Other tools' gates are installed into environments of their own below
the cache on first use; `--without-peers` leaves them out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

import platformdirs
from scorecard.cases import plan
from scorecard.evidence import gather
from scorecard.gates.peers import Peers
from scorecard.judging import Judge
from scorecard.ledger import Ledger, Row, read
from scorecard.report import write_report
from scorecard.subjects import SUBJECTS

CACHE = Path(platformdirs.user_cache_dir("interop")) / "scorecard"
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("run", "report"))
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=", ".join(SUBJECTS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    unknown = set(options.subjects) - set(SUBJECTS)
    if unknown:
        parser.error(f"no such subject: {', '.join(sorted(unknown))}")
    ledgers = options.cache / f"ledger-{options.seed}"
    if options.action == "report":
        write_report(_judged(ledgers), options.results, options.seed)
        return
    with nullcontext(None) if options.without_peers else Peers(options.cache) as peers:
        for name in options.subjects or SUBJECTS:
            run(name, options.cache, ledgers / f"{name}.jsonl", peers, options.seed)


def _judged(ledgers: Path) -> list[Row]:
    """The rows of the subjects that were judged to the end: half of one would count some mutators
    more than others."""
    rows = []
    for name in SUBJECTS:
        own = list(read(ledgers / f"{name}.jsonl"))
        if any(row.kind == "backend" for row in own):  # these come last
            rows += own
        else:
            print(f"{name} is left out: {len(own)} of its cases are judged", file=sys.stderr)
    return rows


def run(name: str, cache: Path, ledger_path: Path, peers: Peers | None, seed: int) -> None:
    """Judge every case of one subject that the ledger does not hold."""
    start = time.perf_counter()
    subject = SUBJECTS[name]
    evidence = gather(subject, cache)
    ledger = Ledger(ledger_path)
    cases = [case for case in plan(subject, evidence.model, seed) if not ledger.has(case)]
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        judge = Judge(name, evidence, peers, Path(scratch))
        for case in cases:
            ledger.add(judge.judge(case))
    seconds = time.perf_counter() - start
    print(f"{name}: {len(cases)} cases in {seconds:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
