"""Resizing, as a product with a matrix along each axis that changes."""

from __future__ import annotations

from typing import Any

from interop.source.values import Refusal, Value


def resize(x: Value, *rest: Value | None, **options: Any) -> Any:
    raise Refusal("Resize is not covered")
