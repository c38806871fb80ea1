"""Operators in every dtype that the standard allows them, lowered and run.

For the frameworks that have a list of what they cannot, `limits/<framework>_dtypes.tsv`; as in
test_conformance, it has to be true in both directions.
"""

from __future__ import annotations

import known
import numpy as np
import pytest
from dtypes import dtype_cases
from known import WRITING
from test_conformance import FRAMEWORKS, run

LISTED = [name for name in FRAMEWORKS if (known.FOLDER / f"{name}_dtypes.tsv").exists()]

pytestmark = pytest.mark.slow


#: XLA compiles each: of JAX's every third runs, and with `-m long` all.
PARTS = [("jax", 3)]
WHOLE = [
    pytest.param(name, 1, marks=pytest.mark.long if name in dict(PARTS) and not WRITING else ())
    for name in LISTED
]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("framework", "every"), [*WHOLE, *([] if WRITING else PARTS)])
def test_dtypes(framework, every, open_worker, tmp_path):
    with np.errstate(all="ignore"):
        cases = list(dtype_cases())[::every]
    with open_worker(framework, f"{framework}_sources") as worker:
        outcome = run(cases, framework, worker, tmp_path)
    print(f"{framework}: {sum(not what for what in outcome.values())} of {len(outcome)} pass")
    assert len(outcome) > 1000 / every
    known.hold(outcome, f"{framework}_dtypes", whole=every == 1)
