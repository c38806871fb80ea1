"""Fixtures of the bisection's tests."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from planted import (
    net,
)


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("original") / "net.onnx"
    onnx.save(net(), path)
    return path
