"""The rest of the standard's cases: narrow dtypes, text, sequences, optionals, and the domains
ai.onnx.ml, ai.onnx.preview and ai.onnx.preview.training.

As in test_conformance, each takes part as it is given and with constants, and
`limits/<framework>_beyond.tsv` lists those that do not pass. A type that a framework lacks is held in
a wider one, where its values have to be the same to the bit.
"""

from __future__ import annotations

import known
import pytest
from suite import beyond_cases, with_constants
from test_conformance import run

#: Framework → how many of the cases as given have to pass.
REQUIRED = {"tensorflow": 0.9, "torch": 0.8, "jax": 0.8}

pytestmark = pytest.mark.slow


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("framework", REQUIRED)
def test_beyond_plain(framework, open_worker, tmp_path):
    given = beyond_cases()
    cases = [v for case in given for v in (case, with_constants(case)) if v is not None]
    with open_worker(framework, f"{framework}_sources") as worker:
        outcome = run(cases, framework, worker, tmp_path)
    passed = sum(not outcome[case.name] for case in given)
    print(f"{framework}: {passed} of {len(given)} cases pass as given,", end=" ")
    print(
        f"{sum(not what for what in outcome.values()) - passed} of {len(cases) - len(given)}",
        end=" ",
    )
    print("with constants")
    assert len(given) > 240
    known.hold(outcome, f"{framework}_beyond")
    assert passed / len(given) >= REQUIRED[framework]
