"""Casts and quantisation to eight-bit floats, where a framework has them."""

from __future__ import annotations

import pytest
import suite
from test_conformance import run

KINDS = ("e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz")

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_float8(framework, open_worker, tmp_path, monkeypatch):
    plain = {case.name for case in suite.plain_cases()}
    monkeypatch.setattr(suite, "PLAIN", suite.PLAIN | {f"float8_{kind}" for kind in KINDS})
    added = [case for case in suite.plain_cases.__wrapped__() if case.name not in plain]
    cases = [v for case in added for v in (case, suite.with_constants(case)) if v is not None]
    with open_worker(framework, f"{framework}_sources") as worker:
        outcome = run(cases, framework, worker, tmp_path)
    assert {name: reason for name, reason in outcome.items() if reason} == {}
    assert len(outcome) > 100
