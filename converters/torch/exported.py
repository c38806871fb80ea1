"""What an export to ONNX answers, whichever of torch's exporters it went by."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Exported:
    """The file's own names, and what had to be given up."""

    inputs: list[str]
    outputs: list[str]
    notes: list[str]
