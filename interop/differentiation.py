"""Gradients of a canonical graph: its float64 twin's, those of float32 runs, and those of others.

The twin and the float32 runs are written for JAX, which keeps parameters in ONNX's own form.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import onnx_ir as ir
from safetensors.numpy import load_file, save_file

from interop.backends import Backend
from interop.conversion import provide_for
from interop.dialect import Dialect
from interop.errors import InvalidModel
from interop.frameworks import known
from interop.graph.canonical import canonicalize
from interop.parity.floor.groups import Array
from interop.parity.floor.noise import is_float
from interop.parity.floor.rounding import perturb
from interop.parity.inputs.sets import InputSet
from interop.parity.settings import settings
from interop.parity.truth.double import double_model, widen_array
from interop.parity.truth.evaluator import Truth
from interop.parity.verdict.derivatives import Derivatives, agreement, cotangents
from interop.progress import Progress
from interop.targets import Target, lower
from interop.workers import Worker
from interop.workers.tensors import read_tensors, write_tensors

#: In which truth and floor are taken.
_WITNESS = "jax"

#: Relative distance between two evaluations in float64 of the same graph: attributes are float32, and
#: 0.2 is written for the float32 next to it.
_TWIN = 1e-7


class Session:
    """One graph on one set of inputs. Writes it for whoever is asked, and has it differentiated there."""

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
        """Of the float64 twin. Raises ParityFailed where no output is of floats, UnsupportedOperator
        where it cannot be written for JAX, InvalidModel where it does not give the truth there."""
        proto = ir.to_proto(canonicalize(self._model))
        wanted = Truth(proto).run(self._inputs)
        self._cotangents = cotangents(wanted, self._seed)
        target, worker = self._written("truth", _WITNESS, ir.from_proto(double_model(proto)))
        wide = {name: widen_array(array) for name, array in self._inputs.items()}
        found = self._differentiate(
            "truth", target.folder, target.dialect, worker, wide, self._cotangents
        )
        worker.close()
        gap = agreement(found.outputs, wanted)
        if not gap < _TWIN:
            raise InvalidModel(
                f"in float64 the graph gives in JAX what is {gap:.1g} away from its true value, so its "
                "gradients there are no truth",
                hint="Leave --gradients away, and see with interop bisect --on jax:cpu which node it is.",
            )
        return found

    def floor(self, numbers: range) -> list[Derivatives]:
        """Of float32 runs with weights and inputs perturbed; run 0 is the plain one."""
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
                f"floor-{number}", folder, target.dialect, worker, feeds, self._narrow()
            )
            (folder / "weights.safetensors").unlink()
            found.append(run)
        return found

    def on_backend(self, backend: Backend) -> Derivatives:
        """Of the graph as it is written for that backend."""
        name = str(backend).replace(":", "-")
        framework = backend.place.framework
        target, worker = self._written(
            name, framework, canonicalize(self._model), version=backend.version
        )
        found = self._differentiate(
            name, target.folder, target.dialect, worker, self._inputs, self._narrow()
        )
        worker.close()
        return found

    def written_in(self, folder: Path, framework: str, dialect: Dialect) -> Derivatives:
        """Of the source in `folder`, a conversion's; dialect: its inputs in the order in which it takes
        them."""
        with self._worker(framework, None) as worker:
            return self._differentiate(
                f"written-{folder.name}", folder, dialect, worker, self._inputs, self._narrow()
            )

    def _narrow(self) -> dict[str, Array]:
        return {name: array.astype(np.float32) for name, array in self._cotangents.items()}

    def _written(
        self, name: str, framework: str, model: ir.Model, *, version: str | None = None
    ) -> tuple[Target, Worker]:
        folder = self._scratch / name / "source"
        folder.mkdir(parents=True)
        target = lower(model, framework, folder)
        return target, self._stack.enter_context(self._worker(framework, version))

    def _worker(self, framework: str, version: str | None) -> Worker:
        home = provide_for(framework, version, self._progress)
        return Worker(
            home.interpreter, known()[framework].guest, label=framework, timeout=self._timeout
        )

    def _differentiate(
        self,
        name: str,
        source: Path,
        dialect: Dialect,
        worker: Worker,
        inputs: Mapping[str, Array],
        weights: Mapping[str, Array],
    ) -> Derivatives:
        """Names and layouts go there and come back as the source has them; what flows backwards does
        so from its outputs to its inputs."""
        folder = self._scratch / name
        backwards = Dialect(dialect.outputs, dialect.inputs, dialect.channels_last)
        write_tensors(
            folder / "inputs", dialect.hand_over({name: inputs[name] for name in dialect.inputs})
        )
        write_tensors(folder / "cotangents", backwards.hand_over(weights))
        worker.call(
            "gradients", source=str(source), inputs=str(folder / "inputs"),
            cotangents=str(folder / "cotangents"), target=str(folder / "gradients"),
        )  # fmt: skip
        found = Derivatives.of(read_tensors(folder / "gradients"))
        return Derivatives(
            backwards.take_back(found.inputs),
            found.weights,
            found.values,
            dialect.take_back(found.outputs),
        )
