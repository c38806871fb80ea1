"""What is known not to pass: `limits/<list>.tsv`, one case a row, with what happens to it.

Why it happens is said once for all that it happens to, in `limits/reasons.tsv`: a pattern of cases,
a pattern of what happens, and the reason in words. To write a list anew, after looking at what
changed: INTEROP_WRITE_LIMITS=1 pytest parity_tests/conformance -k tensorflow
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parent / "limits"
REASONS = FOLDER / "reasons.tsv"

#: Random bits that come out as recorded once in a while: ten of them once in a thousand.
BY_CHANCE = re.compile("test_(bernoulli|training_dropout)")

WRITING = bool(os.environ.get("INTEROP_WRITE_LIMITS"))


def lists() -> dict[str, dict[str, str]]:
    """Every list: case → what happens."""
    return {path.stem: read(path.stem) for path in sorted(FOLDER.glob("*.tsv")) if path != REASONS}


def read(name: str) -> dict[str, str]:
    lines = (FOLDER / f"{name}.tsv").read_text().splitlines()
    return dict(line.split("\t") for line in lines)


def reasons() -> list[tuple[re.Pattern[str], re.Pattern[str], str]]:
    """(cases, what happens to them, why); the first that matches counts."""
    rows = [line.split("\t") for line in REASONS.read_text().splitlines()]
    return [(re.compile(cases), re.compile(what), why) for cases, what, why in rows]


def hold(outcome: Mapping[str, str], name: str, *, whole: bool = True) -> None:
    """Fail unless exactly the cases that are listed do not pass; with WRITING, list them.

    whole: whether `outcome` holds every case there is, so that a listed one that is not in it is none.
    """
    failed = {case: what for case, what in outcome.items() if what}
    if WRITING:
        rows = [f"{case}\t{failed[case]}\n" for case in sorted(failed)]
        (FOLDER / f"{name}.tsv").write_text("".join(rows))
    limits = read(name)
    assert sorted(set(failed) - set(limits)) == [], "these should pass"
    listed = set(limits) & set(outcome)
    passed = {case for case in listed - set(failed) if not BY_CHANCE.match(case)}
    assert sorted(passed) == [], "these pass now: take them off the list"
    assert not whole or listed == set(limits), "these are no cases of the suite"
