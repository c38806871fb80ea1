"""Gradient parity: can what a conversion writes be trained on as the graph that it was made from?

The truth is the float64 twin of the graph, written for JAX and differentiated there; its outputs are
held against those of the float64 evaluator first. The floor is the graph in float32, written for JAX
too, with weights and inputs perturbed as those of the outputs' floor are.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from safetensors.numpy import load_file, save_file

from interop.backends import Backend
from interop.conversion import provide_for
from interop.errors import InvalidModel, UsageError
from interop.frameworks import known
from interop.graph.canonical import canonicalize
from interop.parity.floor.groups import Array
from interop.parity.floor.noise import is_float
from interop.parity.floor.rounding import perturb
from interop.parity.inputs.sets import InputSet
from interop.parity.settings import settings
from interop.parity.truth.double import double_model, widen_array
from interop.parity.truth.evaluator import Truth
from interop.parity.verdict.compare import OutputParity
from interop.parity.verdict.derivatives import (
    Derivatives,
    Match,
    agreement,
    compare_derivatives,
    cotangents,
    derivative_noise,
    match,
)
from interop.progress import Progress, Silent
from interop.targets import Target, lower
from interop.workers import Worker
from interop.workers.tensors import read_tensors, write_tensors

#: Those whose guests have the operation `gradients`.
TRAINABLE = ("torch", "tensorflow", "keras", "jax")

#: In which truth and floor are taken: it keeps parameters in ONNX's own form.
_WITNESS = "jax"

#: Perturbed runs of the floor, and how many there are before anything is called wrong: where rounding
#: turns a ReLU near zero on or off the gradient jumps, which few runs may not have met.
RUNS, MORE_RUNS = 4, 16

#: Relative distance between two evaluations in float64 of the same graph: attributes are float32, and
#: 0.2 is written for the float32 next to it.
_TWIN = 1e-7


@dataclass(frozen=True)
class GradientParity:
    """The gradients of one backend on one input set; `unmatched` are parameters of the graph that it
    holds in another form (folded, or split into several), or not as parameters."""

    backend: str
    inputs: str
    parities: tuple[OutputParity, ...]
    unmatched: tuple[str, ...]

    @property
    def passes(self) -> bool:
        return all(parity.verdict.passes for parity in self.parities)

    def to_json(self) -> dict[str, Any]:
        return {
            "backend": self.backend,
            "inputs": self.inputs,
            "passes": self.passes,
            "gradients": [parity.to_json() for parity in self.parities],
            "unmatched": list(self.unmatched),
        }


def check_trainable(backends: Sequence[Backend]) -> None:
    """Raise UsageError for a backend that has no gradients."""
    for backend in backends:
        if backend.place.framework not in TRAINABLE or backend.runs_in != "fp32":
            raise UsageError(
                f"{backend} has no gradients to compare",
                hint=f"In float32 there are {', '.join(TRAINABLE)}.",
            )


def gradient_parity(
    model: Path,
    backends: Sequence[Backend],
    one: InputSet,
    scratch: Path,
    *,
    seed: int = 0,
    timeout: float = 1800.0,
    progress: Progress | None = None,
) -> tuple[GradientParity, ...]:
    """The gradients of the canonical ONNX file `model` on each backend, on one set of inputs.

    Raises UsageError for a backend without gradients, UnsupportedOperator where the graph cannot be
    written for JAX or a backend, ParityFailed where no output is of floats, and InvalidModel where
    the twin in JAX does not give the truth.
    """
    check_trainable(backends)
    progress = progress or Silent()
    with ExitStack() as stack:
        session = _Session(model, one, scratch / "gradients", seed, timeout, progress, stack)
        with progress.stage("gradients: float64 truth"):
            truth = session.truth()
        with progress.stage("gradients: noise floor"):
            runs = session.floor(truth, range(RUNS + 1))
        given = []
        for backend in backends:
            with progress.stage(f"gradients: {backend}"):
                given.append(session.candidate(backend))
        with progress.stage("gradients: comparing"):
            found = _compared(session, truth, runs, backends, given)
            if not all(parity.passes for parity in found):
                runs = [*runs, *session.floor(truth, range(RUNS + 1, MORE_RUNS + 1))]
                found = _compared(session, truth, runs, backends, given)
    return found


def _compared(
    session: _Session,
    truth: Derivatives,
    runs: Sequence[Derivatives],
    backends: Sequence[Backend],
    given: Sequence[Derivatives],
) -> tuple[GradientParity, ...]:
    noise = derivative_noise(truth, runs, session.floats)
    found = []
    for backend, theirs in zip(backends, given, strict=True):
        matches: tuple[Match, ...] = match(truth.values, theirs.values)
        parities = compare_derivatives(truth, theirs, noise, session.floats, matches)
        unmatched = sorted(truth.values.keys() - {one.name for one in matches})
        found.append(GradientParity(str(backend), session.label, parities, tuple(unmatched)))
    return tuple(found)


class _Session:
    """Writes the graph for whoever is asked, and has it differentiated there."""

    def __init__(
        self, model: Path, one: InputSet, scratch: Path, seed: int, timeout: float,
        progress: Progress, stack: ExitStack,
    ) -> None:  # fmt: skip
        self._model, self._inputs, self._scratch, self._seed = model, one.arrays, scratch, seed
        self._timeout, self._progress, self._stack = timeout, progress, stack
        self._cotangents: dict[str, Array] = {}
        self._witness: tuple[Target, Worker] | None = None
        self.label = one.label
        self.floats = {name: a for name, a in one.arrays.items() if is_float(a.dtype)}

    def truth(self) -> Derivatives:
        proto = ir.to_proto(canonicalize(self._model))
        wanted = Truth(proto).run(self._inputs)
        self._cotangents = cotangents(wanted, self._seed)
        target, worker = self._written("truth", _WITNESS, ir.from_proto(double_model(proto)))
        wide = {name: widen_array(array) for name, array in self._inputs.items()}
        found = self._differentiate("truth", target, worker, wide, self._cotangents)
        worker.close()
        gap = agreement(found.outputs, wanted)
        if not gap < _TWIN:
            raise InvalidModel(
                f"in float64 the graph gives in JAX what is {gap:.1g} away from its true value, so its "
                "gradients there are no truth",
                hint="Leave --gradients away, and see with interop bisect --on jax:cpu which node it is.",
            )
        return found

    def floor(self, truth: Derivatives, numbers: range) -> list[Derivatives]:
        """Run 0 is the plain one."""
        if self._witness is None:
            self._witness = self._written("floor", _WITNESS, canonicalize(self._model))
        target, worker = self._witness
        exempt = set(settings(ir.to_proto(canonicalize(self._model)).graph))
        weights = load_file(target.folder / "weights.safetensors")
        found = []
        for number in numbers:
            rng = np.random.default_rng([self._seed, number, 1])
            moved = {
                name: perturb(array, rng) if number and name not in exempt else array
                for name, array in weights.items()
            }
            feeds = {n: perturb(a, rng) if number else a for n, a in self._inputs.items()}
            folder = self._scratch / f"floor-{number}"
            folder.mkdir()
            shutil.copy(target.folder / target.kind.source, folder)
            save_file(moved, folder / "weights.safetensors")
            run = self._differentiate(
                f"floor-{number}", target, worker, feeds, self._narrow(), source=folder
            )
            (folder / "weights.safetensors").unlink()
            found.append(run)
        return found

    def candidate(self, backend: Backend) -> Derivatives:
        name = str(backend).replace(":", "-")
        framework = backend.place.framework
        target, worker = self._written(
            name, framework, canonicalize(self._model), version=backend.version
        )
        found = self._differentiate(name, target, worker, self._inputs, self._narrow())
        worker.close()
        return found

    def _narrow(self) -> dict[str, Array]:
        return {name: array.astype(np.float32) for name, array in self._cotangents.items()}

    def _written(
        self, name: str, framework: str, model: ir.Model, *, version: str | None = None
    ) -> tuple[Target, Worker]:
        folder = self._scratch / name / "source"
        folder.mkdir(parents=True)
        target = lower(model, framework, folder)
        home = provide_for(framework, version, self._progress)
        worker = Worker(
            home.interpreter, known()[framework].guest, label=framework, timeout=self._timeout
        )
        return target, self._stack.enter_context(worker)

    def _differentiate(
        self,
        name: str,
        target: Target,
        worker: Worker,
        inputs: Mapping[str, Array],
        weights: Mapping[str, Array],
        *,
        source: Path | None = None,
    ) -> Derivatives:
        """Names of inputs and outputs go there and come back as the target calls them."""
        folder, dialect = self._scratch / name, target.dialect
        write_tensors(folder / "inputs", dialect.hand_over(inputs))
        write_tensors(
            folder / "cotangents", {dialect.outputs[n]: array for n, array in weights.items()}
        )
        worker.call(
            "gradients", source=str(source or target.folder), inputs=str(folder / "inputs"),
            cotangents=str(folder / "cotangents"), target=str(folder / "gradients"),
        )  # fmt: skip
        found = Derivatives.of(read_tensors(folder / "gradients"))
        theirs = {called: own for own, called in dialect.inputs.items()}
        return Derivatives(
            {theirs[called]: array for called, array in found.inputs.items()},
            found.weights,
            found.values,
            dialect.take_back(found.outputs),
        )
