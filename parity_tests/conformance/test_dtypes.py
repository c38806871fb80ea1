"""Operators in every dtype that the standard allows them, lowered and run.

For the frameworks that have a list of what they cannot, `limits/<framework>_dtypes.tsv`; as in
test_conformance, it has to be true in both directions.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from dtypes import dtype_cases
from test_conformance import FRAMEWORKS, run

LIMITS = Path(__file__).parent / "limits"
LISTED = [name for name in FRAMEWORKS if (LIMITS / f"{name}_dtypes.tsv").exists()]

pytestmark = pytest.mark.slow


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("framework", LISTED)
def test_dtypes(framework, open_worker, tmp_path):
    with np.errstate(all="ignore"):
        cases = list(dtype_cases())
    with open_worker(framework, f"{framework}_sources") as worker:
        outcome = run(cases, framework, worker, tmp_path)
    failed = {name: reason for name, reason in outcome.items() if reason}
    print(f"{framework}: {len(outcome) - len(failed)} of {len(outcome)} pass")
    path = LIMITS / f"{framework}_dtypes.tsv"
    if os.environ.get("INTEROP_WRITE_LIMITS"):
        path.write_text("".join(f"{name}\t{failed[name]}\n" for name in sorted(failed)))
    limits = dict(line.split("\t") for line in path.read_text().splitlines())
    assert len(outcome) > 1000
    assert sorted(set(failed) - set(limits)) == [], "these should pass"
    assert sorted(set(limits) - set(failed)) == [], "these pass now: take them off the list"
