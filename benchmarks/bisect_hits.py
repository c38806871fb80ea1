"""Hit rate of `interop bisect`: is the node that it names the one at which a fault was planted?

    python benchmarks/bisect_hits.py [--subjects classifier dlrm ...] [--sites 2] [--output results]

Faults are the scorecard's mutators, on its small networks and on zoo models, exported by torch; each at
up to `--sites` nodes, spread over the model. Named is the first node of the finding. What gives the
same in float64 on all the inputs is no fault there, and is counted by itself. Prints Markdown.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from interop.models import ZOO
from scorecard.mutators import MUTATORS, mutate, sites
from scorecard.nets import NETS

from interop.bisect import OnnxRuntime, bisect
from interop.bisect.command import read_graph
from interop.bisect.pieces import Graph
from interop.bisect.run import subject
from interop.environments import provide
from interop.errors import InteropError
from interop.frameworks import FRAMEWORKS
from interop.graph.canonical import canonicalize, signature_of
from interop.output import write_json
from interop.parity import InputSet, Truth, input_sets
from interop.progress import Silent
from interop.workers import Worker

#: Quick ones; resnet18 and unet take long.
MODELS = ("keyword_spotter", "dlrm", "lstm_classifier", "dcgan", "bert")

#: Exclusive upper limits of integer inputs that the graph does not show.
BOUNDS = {"tokens": {"ids": 60, "mask": 2}}

#: Relative difference of outputs in float64 that is a difference.
SAME = 1e-12


@dataclass(frozen=True)
class Original:
    """A model that faults are planted in; outputs are the true ones, by input set."""

    name: str
    graph: Graph
    sets: tuple[InputSet, ...]
    outputs: tuple[Mapping[str, Any], ...]


def original(name: str, folder: Path) -> Original:
    path = folder / f"{name}.onnx"
    sizes: dict[str, int] = {}
    bounds: dict[str, int] = {}
    if name in NETS:
        onnx.save(NETS[name](), path)
        bounds = BOUNDS.get(name, {})
    else:
        export(name, path)
        entry = ZOO[name]
        bounds = {i.name: i.below for i in entry.inputs if i.below is not None}
    model = canonicalize(path)
    proto, signature = ir.to_proto(model), signature_of(model)
    if name in ZOO:
        open_ones = {dim for spec in signature.inputs for dim in spec.shape or ()}
        sizes = {dim: size for dim, size in ZOO[name].sizes.items() if dim in open_ones}
    sets = input_sets(proto, signature, sizes=sizes, bounds=bounds)
    truth = Truth(proto)
    return Original(name, Graph(proto), sets, tuple(truth.run(one.arrays) for one in sets))


def export(name: str, path: Path) -> None:
    """The zoo model as torch exports it."""
    entry = ZOO[name]
    specs = [{"name": i.name, "dtype": i.dtype, "shape": list(i.shape)} for i in entry.inputs]
    guest = FRAMEWORKS["torch"].guest
    with Worker(provide("torch").interpreter, guest, label="torch", timeout=600) as worker:
        worker.call(
            "load_and_export", reference=entry.definitions["torch"], path=str(path), inputs=specs,
            outputs=list(entry.outputs), sizes=dict(entry.sizes), trust=False,
        )  # fmt: skip


def spread(found: tuple[str, ...], count: int) -> tuple[str, ...]:
    """`count` of them, evenly over the model."""
    if len(found) <= count:
        return found
    return tuple(found[(2 * i + 1) * len(found) // (2 * count)] for i in range(count))


def same(one: Original, mutant: onnx.ModelProto) -> bool:
    """Whether the mutant gives the same in float64, on all the inputs."""
    try:
        truth = Truth(mutant)
        given = [truth.run(inputs.arrays) for inputs in one.sets]
    except InteropError:
        return False
    return all(
        ours[name].shape == theirs[name].shape and _close(ours[name], theirs[name])
        for ours, theirs in zip(one.outputs, given, strict=True)
        for name in ours
    )


def _close(ours: Any, theirs: Any) -> bool:
    if ours.size == 0 or ours.dtype.kind != "f":
        return bool(np.array_equal(ours, theirs))
    size = np.max(np.abs(ours[np.isfinite(ours)]), initial=0.0)
    return bool(np.allclose(ours, theirs, rtol=SAME, atol=SAME * size, equal_nan=True))


def case(one: Original, mutator: str, site: str, mutant: onnx.ModelProto) -> dict[str, Any]:
    """One fault, searched for as `interop bisect original.onnx mutant.onnx` does."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mutant.onnx")
        onnx.save(mutant, path)
        about = subject(one.graph, read_graph(path).graph, OnnxRuntime(), one.sets, Path(folder))
        finding = bisect(about, Silent()).finding
    row = {
        "subject": one.name,
        "mutator": mutator,
        "site": site,
        "named": [] if finding is None else [list(node.output) for node in finding.nodes],
        "kind": None if finding is None else finding.kind,
        "reason": None if finding is None else finding.reason,
        "seconds": round(time.perf_counter() - start, 2),
    }
    return {**row, "outcome": outcome(one, site, row["named"], mutant)}


def outcome(one: Original, site: str, named: Any, mutant: onnx.ModelProto) -> str:
    if named and site in named[0]:
        return "hit"
    if same(one, mutant):
        return "no difference"
    if not named:
        return "unseen"
    return "among those named" if any(site in names for names in named) else "another node"


def cases(one: Original, count: int) -> Iterator[dict[str, Any]]:
    for name, mutator in MUTATORS.items():
        for site in spread(sites(mutator, one.graph.model), count):
            try:
                mutant = mutate(mutator, one.graph.model, site).model
            except onnx.checker.ValidationError:
                continue  # no model that any converter could have written
            try:
                yield case(one, name, site, mutant)
            except InteropError as error:
                yield {"subject": one.name, "mutator": name, "site": site, "named": [],
                       "outcome": "refused", "reason": error.message}  # fmt: skip


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    counts = Counter(row["outcome"] for row in rows)
    faults = len(rows) - counts["no difference"]
    hits = counts["hit"]
    return {"cases": len(rows), "faults": faults, **dict(sorted(counts.items())),
            "hit_rate": hits / faults if faults else None}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--subjects", nargs="+", default=[*NETS, *MODELS])
    parser.add_argument("--sites", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    print("| subject | faults | named rightly | among others | another | unseen | refused |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.subjects:
            found = list(cases(original(name, Path(folder)), options.sites))
            rows += found
            print(_line(name, summary(found)), flush=True)
    print(_line("all", summary(rows)))
    options.output.mkdir(exist_ok=True)
    document = {"subjects": options.subjects, "sites": options.sites, **summary(rows), "rows": rows}
    write_json(document, options.output / "bisect_hits.json")


def _line(name: str, counts: Mapping[str, Any]) -> str:
    words = ("faults", "hit", "among those named", "another node", "unseen", "refused")
    return f"| {name} | {' | '.join(str(counts.get(word, 0)) for word in words)} |"


if __name__ == "__main__":
    main()
