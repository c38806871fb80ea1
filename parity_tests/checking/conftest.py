"""Fixtures of the tests of `interop check`."""

from __future__ import annotations

import pytest
from small import network

from interop.backends import Place, Runtime, table


@pytest.fixture(name="model")
def a_small_model(tmp_path):
    return network(tmp_path / "model.onnx")


@pytest.fixture(name="stubs")
def runtimes_with_faults(monkeypatch):
    """`stub:<fault>` is a backend (see guests/stubs/runtime.py)."""
    faults = ("refusing", "crashing", "hanging", "failing", "nudged", "nan", "missing", "extra",
              "double", "row", "none", "wearing", "crowded", "lonely")  # fmt: skip
    places = tuple(Place(fault, "onnxruntime", guest="stubs.runtime") for fault in faults)
    row = Runtime("stub", "a stub", (), True, places)
    monkeypatch.setattr(table, "TAKING_ONNX", (*table.TAKING_ONNX, row))
