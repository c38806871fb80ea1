"""Gradient parity: can what a conversion writes be trained on as the graph that it was made from?

The truth is the float64 twin of the graph, written for JAX and differentiated there; its outputs are
held against those of the float64 evaluator first. The floor is the graph in float32, written for JAX
too, with weights and inputs perturbed as those of the outputs' floor are (see differentiation.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interop.backends import Backend
from interop.differentiation import Session
from interop.errors import InteropError
from interop.parity.inputs.sets import InputSet
from interop.parity.verdict.compare import OutputParity
from interop.parity.verdict.derivatives import (
    Derivatives,
    Match,
    compare_derivatives,
    derivative_noise,
    match,
)
from interop.progress import Progress, Silent

#: Those whose guests have the operation `gradients`.
TRAINABLE = ("torch", "tensorflow", "keras", "jax")

#: Those whose guests have `own_gradients`: of a model as its framework has loaded it.
OWN = ("torch",)

#: Perturbed runs of the floor, and how many there are before anything is called wrong: where rounding
#: turns a ReLU near zero on or off the gradient jumps, which few runs may not have met.
RUNS, MORE_RUNS = 4, 16


@dataclass(frozen=True)
class Candidate:
    """Whose gradients are asked: called `label`; `take` gives them, once the truth is there."""

    label: str
    take: Callable[[Session], Derivatives]


@dataclass(frozen=True)
class GradientParity:
    """The gradients of one candidate on one input set; `unmatched` are parameters of the graph that it
    holds in another form (folded, or split into several), or not as parameters. error: why it gave
    none."""

    label: str
    inputs: str
    parities: tuple[OutputParity, ...] = ()
    unmatched: tuple[str, ...] = ()
    error: InteropError | None = None

    @property
    def passes(self) -> bool:
        return self.error is None and all(parity.verdict.passes for parity in self.parities)

    def to_json(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "inputs": self.inputs,
            "passes": self.passes,
            "gradients": [parity.to_json() for parity in self.parities],
            "unmatched": list(self.unmatched),
        }


def why_not(backend: Backend) -> str:
    """Why a backend has no gradients; empty where it has."""
    if backend.place.framework not in TRAINABLE:
        return f"{backend} runs models, and differentiates none"
    if backend.runs_in != "fp32":
        return f"{backend} is not in float32, in which gradients are taken"
    return ""


def on_backend(backend: Backend) -> Candidate:
    """The graph as it is written for a backend."""
    return Candidate(str(backend), lambda session: session.on_backend(backend))


def gradient_parity(
    model: Path,
    candidates: Sequence[Candidate],
    one: InputSet,
    scratch: Path,
    *,
    seed: int = 0,
    timeout: float = 1800.0,
    progress: Progress | None = None,
) -> tuple[GradientParity, ...]:
    """The gradients of the canonical ONNX file `model` by each candidate, on one set of inputs. What
    goes wrong with one of them is its error.

    Raises UnsupportedOperator where the graph cannot be written for JAX, ParityFailed where no output
    is of floats, and InvalidModel where the twin in JAX does not give the truth.
    """
    progress = progress or Silent()
    with ExitStack() as stack:
        session = Session(model, one, scratch / "gradients", seed, timeout, progress, stack)
        with progress.stage("gradients: float64 truth"):
            truth = session.truth()
        with progress.stage("gradients: noise floor"):
            runs = session.floor(range(RUNS + 1))
        given = [_taken(candidate, session, progress) for candidate in candidates]
        with progress.stage("gradients: comparing"):
            found = _compared(session, truth, runs, candidates, given)
            if not all(parity.passes or parity.error for parity in found):
                runs = [*runs, *session.floor(range(RUNS + 1, MORE_RUNS + 1))]
                found = _compared(session, truth, runs, candidates, given)
    return found


def _taken(
    candidate: Candidate, session: Session, progress: Progress
) -> Derivatives | InteropError:
    try:
        with progress.stage(f"gradients: {candidate.label}"):
            return candidate.take(session)
    except InteropError as error:
        return error


def _compared(
    session: Session,
    truth: Derivatives,
    runs: Sequence[Derivatives],
    candidates: Sequence[Candidate],
    given: Sequence[Derivatives | InteropError],
) -> tuple[GradientParity, ...]:
    noise = derivative_noise(truth, runs, session.floats)
    found = []
    for candidate, theirs in zip(candidates, given, strict=True):
        if isinstance(theirs, InteropError):
            found.append(GradientParity(candidate.label, session.label, error=theirs))
            continue
        matches: tuple[Match, ...] = match(truth.values, theirs.values)
        parities = compare_derivatives(truth, theirs, noise, session.floats, matches)
        unmatched = sorted(truth.values.keys() - {one.name for one in matches})
        found.append(GradientParity(candidate.label, session.label, parities, tuple(unmatched)))
    return tuple(found)
