"""Operators in every dtype that the standard allows them, lowered and run.

For the frameworks that have a list of what they cannot, `limits/<framework>_dtypes.tsv`; as in
test_conformance, it has to be true in both directions.
"""

from __future__ import annotations

import known
import numpy as np
import pytest
from dtypes import dtype_cases
from test_conformance import FRAMEWORKS, run

LISTED = [name for name in FRAMEWORKS if (known.FOLDER / f"{name}_dtypes.tsv").exists()]

pytestmark = pytest.mark.slow


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("framework", LISTED)
def test_dtypes(framework, open_worker, tmp_path):
    with np.errstate(all="ignore"):
        cases = list(dtype_cases())
    with open_worker(framework, f"{framework}_sources") as worker:
        outcome = run(cases, framework, worker, tmp_path)
    print(f"{framework}: {sum(not what for what in outcome.values())} of {len(outcome)} pass")
    assert len(outcome) > 1000
    known.hold(outcome, f"{framework}_dtypes")
