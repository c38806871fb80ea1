"""What a check looks at beside the outputs: one aspect of one side, with its evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interop.errors import InteropError


@dataclass(frozen=True)
class Aspect:
    """passes: None where there is nothing to compare. reason: in one line, what was found, or why
    nothing was. evidence: of JSON types."""

    label: str
    passes: bool | None
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    error: Exception | None = None

    @staticmethod
    def failed(label: str, error: InteropError) -> Aspect:
        """What could not be looked at, though it should."""
        return Aspect(label, False, error.message, error=error)

    def to_json(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "passes": self.passes,
            "reason": self.reason,
            "error": None if self.error is None else error_json(self.error),
            **self.evidence,
        }


#: What there can be, in the order of the record.
ASPECTS = ("unaided", "labels", "tokens", "gradients", "layers")

#: Those of all sides by what they are of, as far as they were looked at.
Aspects = Mapping[str, Sequence[Aspect]]


def error_json(error: Exception) -> dict[str, Any]:
    """An error as records have it."""
    if isinstance(error, InteropError):
        message, hint, detail = error.message, error.hint, error.detail
    else:
        message, detail = f"{type(error).__name__}: {error}", ""
        hint = "This is a fault of interop itself: please report it."
    kind, code = type(error).__name__, exit_code_of(error)
    return {
        "kind": kind, "message": message, "hint": hint, "detail": detail, "exit_code": code,
    }  # fmt: skip


def exit_code_of(error: Exception | None) -> int:
    """What the error alone would end a command with; 0 where there is none."""
    if error is None:
        return 0
    return error.exit_code if isinstance(error, InteropError) else 1


def all_of(aspects: Aspects) -> Iterable[Aspect]:
    return (one for those in aspects.values() for one in those)
