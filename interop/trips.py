"""The round trip: one model through several frameworks and back, and what each hop cost.

Every hop is a whole conversion from the artifact that the hop before it wrote. All of them run on
the first one's inputs; so an artifact far down the way can be held against the very first source.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import onnx

from interop import conversion, frameworks, manifest, output, proof, sources
from interop.conversion import Request, Work
from interop.errors import InteropError, InvalidModel, UnsupportedOperator, UsageError
from interop.frameworks import able, known
from interop.graph.canonical import canonicalize, save
from interop.parity.inputs.sets import InputSet
from interop.parity.verdict.grade import rank
from interop.progress import Progress, Silent
from interop.proof import Parity
from interop.reference import ModelReference, resolve

#: Raised when a key changes its meaning or goes away; new keys alone do not raise it.
SCHEMA_VERSION = 1

FILE = "roundtrip.json"


@dataclass(frozen=True)
class GraphSize:
    """A model in canonical ONNX: its nodes (subgraphs apart), and the bytes of its weights."""

    nodes: int
    weight_bytes: int


@dataclass(frozen=True)
class Standing:
    """How an artifact stands against one other: the worst of all outputs on all inputs."""

    grade: str
    passes: bool
    effective_bits: dict[str, float | None]
    sentence: str


@dataclass(frozen=True)
class Hop:
    """One conversion of the way.

    previous, first: the artifact against what it was converted from, and against the first source.
    before, after: the canonical ONNX of the source, and of the artifact exported again (None where
    its framework cannot be exported from).
    latency_ratio: the artifact's latency over that of what it was converted from.
    """

    source: str
    target: str
    folder: str
    previous: Standing
    first: Standing
    before: GraphSize
    after: GraphSize | None
    latency_ratio: float
    artifact_bytes: int
    seconds: float
    notes: tuple[str, ...]

    @property
    def passes(self) -> bool:
        return self.previous.passes and self.first.passes


@dataclass(frozen=True)
class RoundTrip:
    """What came of it: the folder on disk, with one folder a hop, and the figures."""

    model: str
    formats: tuple[str, ...]
    folder: Path
    hops: tuple[Hop, ...] = field(repr=False)

    @property
    def passed(self) -> bool:
        return all(hop.passes for hop in self.hops)

    @property
    def grade(self) -> str:
        """The worst of all, whether against the previous or against the first."""
        held = (one for hop in self.hops for one in (hop.previous, hop.first))
        return max((one.grade for one in held), key=rank)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema_version": SCHEMA_VERSION,
            "model": self.model,
            "formats": list(self.formats),
            "grade": self.grade,
            "passes": self.passed,
            "hops": [{**asdict(hop), "passes": hop.passes} for hop in self.hops],
        }


def run(request: Request, through: Sequence[str], progress: Progress | None = None) -> RoundTrip:
    """Carry `request.model` through the frameworks of `through`; `request.target` is not looked at.

    Without `request.source` the first of `through` is where the model comes from, unless it is a
    file that says otherwise. What is written stands on disk when this returns, whatever its grade.

    Raises the errors of interop.errors, naming the hop; then nothing is left on disk.
    """
    reference, stops = _way(request, through)
    folder = request.output or Path(f"{reference.name}-roundtrip")
    output.check_free(folder, force=request.force)
    with ExitStack() as stack:
        aside = stack.enter_context(output.staged(folder))
        scratch = stack.enter_context(conversion.scratch_folder())
        trip = _Trip(request, aside, scratch, progress or Silent())
        for number, stop in enumerate(stops[1:], start=1):
            try:
                trip.hop(number, stops[number - 1], stop)
            except InteropError as error:
                error.message = f"hop {number}, {stops[number - 1]} → {stop}: {error.message}"
                error.args = (error.message,)
                raise
        done = RoundTrip(request.model, tuple(stops), folder, trip.finish())
        output.write_json(done.to_json(), aside / FILE)
    return done


def _way(request: Request, through: Sequence[str]) -> tuple[ModelReference, list[str]]:
    """The model, and all stops with the first source in front."""
    if request.source is not None:
        stops = [request.source, *through]
        reference = resolve(request.model, frameworks.parse(request.source).framework)
    elif Path(request.model).exists():
        reference = resolve(request.model, None)
        here = bool(through) and frameworks.parse(through[0]).framework == reference.framework
        stops = [*through] if here else [reference.framework, *through]
    else:
        stops = [*through]
        reference = resolve(
            request.model, frameworks.parse(through[0]).framework if through else None
        )
    for stop in stops:
        frameworks.parse(stop)
    if len(stops) < 2:
        raise UsageError(
            "a round trip takes at least one hop",
            hint="Say where from and where to, as in --through torch,tf,torch.",
        )
    ends = [(stop, "source") for stop in stops[:-1]] + [(stop, "target") for stop in stops[1:]]
    for stop, role in ends:
        name = frameworks.parse(stop).framework
        if role not in known()[name].roles:
            raise UsageError(
                f"{known()[name].title} cannot be a {role} of a hop yet",
                hint=f"Possible: {', '.join(able(role))}.",
            )
    return reference, stops


class _Trip:
    """The hops one after the other, and what each hands to the next."""

    def __init__(self, request: Request, aside: Path, scratch: Path, progress: Progress) -> None:
        self._request, self._aside, self._scratch = request, aside, scratch
        self._progress = progress
        self._works: list[Work] = []
        self._hops: list[Hop] = []
        self._sizes: list[GraphSize] = []
        #: The first source's names → the names that the last artifact has for them.
        self._inputs: dict[str, str] = {}
        self._outputs: dict[str, str] = {}

    def hop(self, number: int, source: str, target: str) -> None:
        short = known()[frameworks.parse(target).framework].short
        folder = self._aside / f"{number}-{short}"
        scratch = self._scratch / str(number)
        scratch.mkdir()
        request = replace(self._request, target=target, source=source, output=folder, force=False)
        if self._works:
            # The folder is our own work of a moment ago.
            before = str(self._works[-1].conversion.folder)
            request = replace(request, model=before, inputs=(), data=None, signature=None,
                              weights=None, trust=True)  # fmt: skip
        work = conversion.run_in(scratch, request, self._progress, self._sets())
        if self._works:
            # Where it lies now is not where it will lie.
            work.conversion.manifest["source"]["reference"] = (
                f"../{self._works[-1].conversion.folder.name}"
            )
            manifest.write(work.conversion.manifest, folder)
        self._works.append(work)
        self._inputs = _chained(self._inputs, work.inputs)
        self._outputs = _chained(self._outputs, work.outputs)
        self._sizes.append(graph_size(work.plan.canonical))
        self._hops.append(self._judged(work, source, target))

    def finish(self) -> tuple[Hop, ...]:
        """The hops, each with the size of what came after it.

        What the last one wrote may be beyond its framework's exporter (a loop that depends on data):
        then its size is not known, and a note says why.
        """
        try:
            closing, notes = self._closing(), tuple[str, ...]()
        except (InvalidModel, UnsupportedOperator) as error:
            closing, notes = None, (f"what the last hop wrote is not exported again: {error}",)
        hops = [
            replace(hop, after=after)
            for hop, after in zip(self._hops, [*self._sizes[1:], closing], strict=True)
        ]
        return (*hops[:-1], replace(hops[-1], notes=(*hops[-1].notes, *notes)))

    def _sets(self) -> tuple[InputSet, ...] | None:
        """The first hop's inputs, under the names that they have by now."""
        if not self._works:
            return None
        names = self._inputs
        return tuple(
            InputSet(one.label, {names[name]: array for name, array in one.arrays.items()})
            for one in self._works[0].plan.sets
        )

    def _judged(self, work: Work, source: str, target: str) -> Hop:
        document = work.conversion.manifest
        back = {name: first for first, name in self._outputs.items()}
        given = [
            {back.get(name, name): array for name, array in one.items()}
            for one in work.plan.artifact()
        ]
        return Hop(
            source=source,
            target=target,
            folder=work.conversion.folder.name,
            previous=Standing(
                document["grade"],
                document["rule"]["passes"],
                document["parity"]["effective_bits"],
                document["rule"]["sentence"],
            ),
            first=_standing(proof.hold_against(self._works[0].plan, given)),
            before=self._sizes[-1],
            after=None,
            latency_ratio=document["latency"]["ratio"],
            artifact_bytes=document["artifacts"][0]["bytes"],
            seconds=document["seconds"]["total"],
            notes=tuple(document["notes"]),
        )

    def _closing(self) -> GraphSize | None:
        """The last artifact, exported once more: what the last hop did to the graph."""
        last = self._works[-1].conversion.folder
        reference = resolve(str(last), None)
        if "source" not in known()[reference.framework].roles:
            return None
        request = replace(self._request, inputs=(), data=None, signature=None, weights=None,
                          trust=True)  # fmt: skip
        version = frameworks.parse(self._hops[-1].target).version
        home = conversion.provide_for(reference.framework, version, self._progress)
        with ExitStack() as stack:
            worker = conversion.Workers(stack, request).open(home, "source")
            with self._progress.stage(f"export the last artifact ({reference.framework})"):
                exported = sources.load(reference, worker, request, self._scratch)
        path = self._scratch / "closing.onnx"
        save(canonicalize(exported.onnx), path)
        return graph_size(path)


def _chained(so_far: dict[str, str], names: dict[str, str]) -> dict[str, str]:
    return {first: names[name] for first, name in so_far.items()} if so_far else dict(names)


def _standing(parity: Parity) -> Standing:
    names = dict.fromkeys(one.name for one in parity.proofs)
    bits = {name: _fewest(one.worst.effective_bits for one in parity.proofs if one.name == name)
            for name in names}  # fmt: skip
    grade = parity.grade
    return Standing(grade.letter, grade.passes, bits, grade.sentence)


def _fewest(bits: Iterable[float | None]) -> float | None:
    """None where there are none: what is no floating point has no bits to lose."""
    return min((bit for bit in bits if bit is not None), default=None)


def graph_size(path: Path) -> GraphSize:
    """Counts in the ONNX file at `path`; weights beside it are not read."""
    graph = onnx.load(path, load_external_data=False).graph
    weights = 0
    for tensor in graph.initializer:
        bits = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        count = 1
        for size in tensor.dims:
            count *= size
        weights += bits * count
    return GraphSize(len(graph.node), weights)
