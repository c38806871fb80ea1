"""The zoo's definitions held against each other, before anything is converted.

All run on the same inputs. Each is held against the float64 truth of one of them, and every two
against each other, in units of what rounding alone does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from interop import output
from interop.errors import InteropError
from interop.graph.layout import first_order, last_order
from interop.models import ZOO, Architecture, images_last
from interop.parity.floor.noise import measure_noise
from interop.parity.verdict.grade import grade
from interop.parity.verdict.proof import OutputProof, prove
from interop.proof import FLOOR_RUNS
from interop.workers.tensors import read_tensors, write_tensors

if TYPE_CHECKING:
    from interop.conversion import Departure

FOLDER = "definitions"
FAILURE = "failure.txt"
BATCH = 2

Arrays = dict[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Standing:
    """One definition against the truth: the worst output; or why there is none."""

    framework: str
    grade: str | None
    effective_bits: float | None
    error_over_floor: float | None
    failure: str = ""


@dataclass(frozen=True)
class Pair:
    """Two definitions against each other: the worst output; both round, so the floor is higher."""

    first: str
    second: str
    grade: str
    effective_bits: float | None


@dataclass(frozen=True)
class Agreement:
    """A model's definitions; reference: the one whose graph gives truth and floor."""

    model: str
    reference: str
    standings: tuple[Standing, ...]
    pairs: tuple[Pair, ...]


def reference_of(entry: Architecture) -> str:
    return next(iter(entry.definitions))


def draw(entry: Architecture, seed: int) -> Arrays:
    """One set of inputs, batch 2, images with their channels first."""
    arrays: Arrays = {}
    sizes = {"batch": BATCH, **entry.sizes}
    for number, one in enumerate(entry.inputs):
        rng = np.random.default_rng([seed, number])
        shape = [sizes[d] if isinstance(d, str) else d for d in one.shape]
        if one.below is None:
            arrays[one.name] = rng.standard_normal(shape).astype(one.dtype)
            continue
        arrays[one.name] = rng.integers(0, one.below, shape).astype(one.dtype)
        if one.below == 2:
            arrays[one.name][:, 0] = 1  # a mask that hides everything is no sentence
    return arrays


def measure(departure: Departure, framework: str, seed: int, scratch: Path, folder: Path) -> None:
    """Run the definition that `departure` has loaded, and keep what it gave below `folder`:
    <model>/<framework>/outputs, and of the reference the truth and the floor's runs, too; or a
    `failure.txt`, which says why it gave nothing."""
    entry = departure.reference.architecture
    assert entry is not None
    with _kept(folder, entry.name, framework) as aside:
        try:
            _measure(departure, entry, framework, seed, scratch, aside)
        except InteropError as error:
            (aside / FAILURE).write_text(error.message, "utf-8")


def note_failure(model: str, framework: str, reason: str, folder: Path) -> None:
    """Keep why the definition could not even be loaded."""
    with _kept(folder, model, framework) as aside:
        (aside / FAILURE).write_text(reason, "utf-8")


@contextmanager
def _kept(folder: Path, model: str, framework: str) -> Iterator[Path]:
    """A folder that takes the place of what is there once the block has ended well."""
    home = folder / model / framework
    home.parent.mkdir(parents=True, exist_ok=True)
    with output.staged(home) as aside:
        yield aside


def _measure(
    departure: Departure,
    entry: Architecture,
    framework: str,
    seed: int,
    scratch: Path,
    folder: Path,
) -> None:
    last = images_last(framework)
    drawn = draw(entry, seed)
    write_tensors(
        scratch / "in", {n: _moved(a, last_order(4)) if last else a for n, a in drawn.items()}
    )
    inputs = [str(scratch / "in")]
    departure.at.source.call("run", inputs=inputs, outputs=[str(scratch / "out")])
    given = read_tensors(scratch / "out")
    write_tensors(
        folder / "outputs", {n: _moved(a, first_order(4)) if last else a for n, a in given.items()}
    )
    if framework == reference_of(entry):
        model, checker = str(departure.plan.canonical), departure.at.checker
        checker.call("truth", model=model, inputs=inputs, outputs=[str(folder / "truth")])
        checker.call("floor_runs", model=model, inputs=inputs, seed=seed, runs=FLOOR_RUNS,
                     outputs=[str(folder / "floor")])  # fmt: skip


def _moved(array: Any, order: Any) -> Any:
    return np.ascontiguousarray(array.transpose(order)) if array.ndim == 4 else array


def agreements(folder: Path) -> tuple[Agreement, ...]:
    """What is there in `folder`, model by model, compared; models without their reference are not."""
    found = []
    for name, entry in ZOO.items():
        reference = reference_of(entry)
        have = [f for f in entry.definitions if (folder / name / f / "outputs").is_dir()]
        if reference in have:
            failures = {
                f: (folder / name / f / FAILURE).read_text("utf-8")
                for f in entry.definitions
                if (folder / name / f / FAILURE).is_file()
            }
            found.append(_agreement(name, reference, have, failures, folder / name))
    return tuple(found)


def _agreement(
    model: str, reference: str, frameworks: list[str], failures: dict[str, str], folder: Path
) -> Agreement:
    truth = read_tensors(folder / reference / "truth")
    runs = [read_tensors(folder / reference / "floor" / str(n)) for n in range(FLOOR_RUNS + 1)]
    noise = {name: measure_noise(truth[name], [run[name] for run in runs]) for name in truth}
    outputs = {f: read_tensors(folder / f / "outputs") for f in frameworks}
    standings, pairs = [], []
    for framework in frameworks:
        # Against itself: what is left is how it stands to the truth.
        proofs = prove(model, truth, outputs[framework], outputs[framework], noise)
        worst = _worst(proofs)
        multiple = worst.source.multiple
        over = None if multiple is None else multiple.worst
        letter = grade(proofs).letter
        standings.append(Standing(framework, letter, worst.source.effective_bits, over))
    standings += [Standing(f, None, None, None, reason) for f, reason in failures.items()]
    for first, second in combinations(frameworks, 2):
        proofs = prove(model, truth, outputs[first], outputs[second], noise)
        bits = _worst(proofs).direct.effective_bits
        pairs.append(Pair(first, second, grade(proofs).letter, bits))
    return Agreement(model, reference, tuple(standings), tuple(pairs))


def _worst(proofs: tuple[OutputProof, ...]) -> OutputProof:
    return max(proofs, key=lambda p: (p.worst.verdict, -(p.worst.effective_bits or 24.0)))
