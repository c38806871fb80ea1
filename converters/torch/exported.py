"""What an export to ONNX answers, or why there is none, whichever of torch's exporters it went by."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Exported:
    """The file's own names, and what had to be given up."""

    inputs: list[str]
    outputs: list[str]
    notes: list[str]


def reason(error: BaseException) -> str:
    """The first line of the innermost cause: the rest is the exporter's advice to its developers."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return next((line.strip() for line in str(cause).splitlines() if line.strip()), repr(cause))
