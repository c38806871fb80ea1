"""Memory that a backend will need for a model, estimated before it is tried.

What a framework needs by itself, its copies of the weights while it converts or loads them, and what
lies between nodes. The figures are measured (benchmarks/backend_memory.py), the least that was seen:
what they call too large does not fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from interop.audit.static import StaticAudit
from interop.backends import Backend
from interop.errors import MemoryShort
from interop.memory import free_memory
from interop.report.words import bytes_for_people

MB = 1_000_000


@dataclass(frozen=True)
class Need:
    """alone: bytes that it takes for a model of one operator; weights: bytes more for each of the model's
    weights, at the peak of its largest process."""

    alone: int
    weights: float

    def of(self, static: StaticAudit, *, wide: int = 1) -> int:
        """Bytes for that model; `wide`: how many times float32 what lies between nodes is."""
        between = 0 if static.cost is None else static.cost.activation_bytes
        return self.alone + int(self.weights * static.facts.weight_bytes) + wide * between


#: By runtime, on two cores of x86-64, with the versions that are pinned. What is not here is taken as
#: the least of these.
NEEDS: Mapping[str, Need] = {
    "onnxruntime": Need(62 * MB, 1.06),
    "openvino": Need(92 * MB, 2.00),
    "opencv": Need(51 * MB, 2.10),
    "tvm": Need(258 * MB, 2.83),
    "reference": Need(62 * MB, 2.00),
    "torch": Need(348 * MB, 1.12),
    "tensorflow": Need(528 * MB, 2.11),
    "jax": Need(248 * MB, 7.29),
    "tflite": Need(558 * MB, 8.15),
}

#: The float64 truth and its floor, without which there is no grade.
TRUTH = Need(97 * MB, 2.99)


def check_truth(static: StaticAudit, free: int | None = None) -> None:
    """Raise MemoryShort where the truth does not fit into `free` bytes (None: those there are)."""
    _check("the float64 truth", TRUTH.of(static, wide=2), free)


def check_backend(backend: Backend, static: StaticAudit, free: int | None = None) -> None:
    """Raise MemoryShort where the model does not fit there."""
    _check(str(backend), need(backend).of(static), free)


def need(backend: Backend) -> Need:
    """What `backend` needs, whatever the model."""
    least = Need(min(n.alone for n in NEEDS.values()), min(n.weights for n in NEEDS.values()))
    return NEEDS.get(backend.runtime, least)


def _check(what: str, wanted: int, free: int | None) -> None:
    there = free_memory() if free is None else free
    if wanted > there:
        raise MemoryShort(
            f"{what} needs {bytes_for_people(wanted)} of memory for this model, "
            f"{bytes_for_people(there)} are free here",
            hint="Free some, take a machine with more, or say --ignore-memory to try it all the same.",
        )
