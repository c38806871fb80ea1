"""What the quick and the wide input sets cost, what they exercise and which faults they find.

    python benchmarks/wide_inputs.py [MODEL ...] [--cost-only] [--nodes 4]

MODEL: names of the zoo (default: all), exported from torch. A fault is planted in one node at a
time, in `nodes` nodes spread over the model, run on ONNX Runtime and held against the float64 truth
of the faultless model. Prints Markdown: seconds to make the sets, batch rows in them, thresholds
met on both sides; then for each fault how many of the planted each kind of sets finds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]
from interop.models import ZOO, Architecture
from onnx import ModelProto, NodeProto, helper, numpy_helper

from interop.environments import provide
from interop.frameworks import FRAMEWORKS
from interop.graph.canonical import canonicalize, save, signature_of
from interop.parity.floor.noise import Noise, measure_noise
from interop.parity.floor.runs import floor_runs
from interop.parity.inputs.coverage import Observer
from interop.parity.inputs.quick import input_sets
from interop.parity.inputs.sets import InputSet
from interop.parity.inputs.wide import Wide, wide_inputs
from interop.parity.truth.evaluator import Truth
from interop.parity.verdict.compare import compare_outputs
from interop.signature import Signature
from interop.workers import Worker

Change = Callable[[ModelProto, NodeProto], None]


def becomes(operator: str, **attributes: float | str) -> Change:
    """The node computes another function of its first input."""

    def change(model: ModelProto, node: NodeProto) -> None:
        node.op_type = operator
        del node.attribute[:], node.input[1:]
        node.attribute.extend(helper.make_attribute(k, v) for k, v in attributes.items())

    return change


def clips(low: float | None, high: float | None) -> Change:
    def change(model: ModelProto, node: NodeProto) -> None:
        becomes("Clip")(model, node)
        for end, value in (("low", low), ("high", high)):
            name = "" if value is None else f"{node.output[0]} {end}"
            node.input.append(name)
            if value is not None:
                model.graph.initializer.append(
                    numpy_helper.from_array(np.array(value, np.float32), name)
                )

    return change


def other_gelu(model: ModelProto, node: NodeProto) -> None:
    exact = any(a.name == "approximate" and a.s == b"tanh" for a in node.attribute)
    becomes("Gelu", approximate="none" if exact else "tanh")(model, node)


@dataclass(frozen=True)
class Fault:
    """`fault`, in a node of `operator`; `before`: what all of them are made first."""

    name: str
    operator: str
    fault: Change
    before: Change | None = None


FAULTS = (
    Fault("ReLU6 for ReLU", "Relu", clips(0, 6)),
    Fault("upper bound of 6.5 for 6", "Clip", clips(0, 6.5)),
    Fault("lower bound of -0.1 for 0", "Clip", clips(-0.1, 6)),
    Fault("no upper bound", "Clip", becomes("Relu")),
    Fault(
        "leaky slope of 0.011 for 0.01", "Relu",
        becomes("LeakyRelu", alpha=0.011), becomes("LeakyRelu", alpha=0.01),
    ),
    Fault("ReLU for leaky ReLU", "Relu", becomes("Relu"), becomes("LeakyRelu", alpha=0.01)),
    Fault("hard sigmoid for sigmoid", "Sigmoid", becomes("HardSigmoid")),
    Fault(
        "hard sigmoid of a sixth for a fifth", "Sigmoid",
        becomes("HardSigmoid", alpha=1 / 6), becomes("HardSigmoid"),
    ),
    Fault("GELU by tanh for the exact one, or the other way", "Gelu", other_gelu),
    Fault("hard tanh for tanh", "Tanh", clips(-1, 1)),
)  # fmt: skip


def exported(entry: Architecture, folder: Path) -> tuple[ModelProto, Signature]:
    specs = [{"name": i.name, "dtype": i.dtype, "shape": list(i.shape)} for i in entry.inputs]
    raw, path = folder / f"{entry.name}-raw.onnx", folder / f"{entry.name}.onnx"
    guest = FRAMEWORKS["torch"].guest
    with Worker(provide("torch").interpreter, guest, label="torch", timeout=600) as worker:
        worker.call(
            "load_and_export", reference=entry.definitions["torch"], path=str(raw), inputs=specs,
            outputs=list(entry.outputs), sizes=dict(entry.sizes), trust=False,
        )  # fmt: skip
    canonical = canonicalize(raw)
    save(canonical, path)
    return onnx.load(path), signature_of(canonical)


def made(
    model: ModelProto, signature: Signature, entry: Architecture
) -> tuple[tuple[InputSet, ...], Wide, float, float]:
    """Quick sets, wide sets, and the seconds that each took."""
    bounds = {i.name: i.below for i in entry.inputs if i.below is not None}
    start = time.perf_counter()
    quick = input_sets(model, signature, sizes=entry.sizes, bounds=bounds)
    between = time.perf_counter()
    wide = wide_inputs(model, signature, sizes=entry.sizes, bounds=bounds)
    return quick, wide, between - start, time.perf_counter() - between


class Judge:
    """The truth and the floor of one model on all its sets."""

    def __init__(self, model: ModelProto, sets: tuple[InputSet, ...]) -> None:
        self._sets = sets
        truth = Truth(model)
        self._truth = {one.label: truth.run(one.arrays) for one in sets}
        runs: dict[str, list[dict[str, np.ndarray]]] = {one.label: [] for one in sets}
        for _, label, outputs in floor_runs(model, {one.label: one.arrays for one in sets}):
            runs[label].append(outputs)
        self._noise: dict[str, dict[str, Noise]] = {
            label: {
                n: measure_noise(array, [r[n] for r in runs[label]]) for n, array in true.items()
            }
            for label, true in self._truth.items()
        }

    def caught(self, model: ModelProto) -> list[bool]:
        """For each set, whether `model` is told from the faultless one on it."""
        session = ort.InferenceSession(model.SerializeToString())
        names = [value.name for value in model.graph.output]
        found = []
        for one in self._sets:
            outputs = dict(zip(names, session.run(names, dict(one.arrays)), strict=True))
            parities = compare_outputs(self._truth[one.label], outputs, self._noise[one.label])
            found.append(not all(parity.verdict.passes for parity in parities))
        return found


def changed(model: ModelProto, places: list[int], change: Change) -> ModelProto:
    copy = ModelProto()
    copy.CopyFrom(model)
    for place in places:
        change(copy, copy.graph.node[place])
    return copy


def plant(
    model: ModelProto, quick: int, sets: tuple[InputSet, ...], nodes: int
) -> dict[str, tuple[int, int, int]]:
    """By fault: how many were planted, found by the quick sets, found by all."""
    judges: dict[tuple[str, str], Judge] = {}
    found = {}
    for fault in FAULTS:
        places = [n for n, node in enumerate(model.graph.node) if node.op_type == fault.operator]
        if not places:
            continue
        base = changed(model, places, fault.before) if fault.before else model
        key = (fault.operator, base.graph.node[places[0]].op_type if fault.before else "")
        if key not in judges:
            judges[key] = Judge(base, sets)
        chosen = sorted(
            {round(x) for x in np.linspace(0, len(places) - 1, min(nodes, len(places)))}
        )
        caught = [judges[key].caught(changed(base, [places[n]], fault.fault)) for n in chosen]
        found[fault.name] = (
            len(chosen), sum(any(one[:quick]) for one in caught), sum(any(one) for one in caught)
        )  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=list(ZOO))
    parser.add_argument("--cost-only", action="store_true")
    parser.add_argument("--nodes", type=int, default=4)
    arguments = parser.parse_args()
    ort.set_default_logger_severity(3)
    costs, tallies = [], []
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.models:
            model, signature = exported(ZOO[name], Path(folder))
            quick, wide, short, long = made(model, signature, ZOO[name])
            observer = Observer(model)
            met = observer.coverage([observer.run(one.arrays) for one in quick])
            rows = [
                sum(next(iter(s.arrays.values())).shape[0] for s in sets)
                for sets in (quick, wide.sets)
            ]
            costs.append(
                f"| {name} | {short:.2f} | {long:.2f} | {len(quick)} / {rows[0]} | "
                f"{len(wide.sets)} / {rows[1]} | {met.total} | {met.total - len(met.missed)} | "
                f"{met.total - len(wide.coverage.missed)} |"
            )
            print(costs[-1], [f"{one} {how}" for one, how in wide.coverage.missed], flush=True)
            if arguments.cost_only:
                continue
            for fault, (planted, by_quick, by_all) in plant(
                model, len(quick), wide.sets, arguments.nodes
            ).items():
                tallies.append(f"| {name} | {fault} | {planted} | {by_quick} | {by_all} |")
                print(tallies[-1], flush=True)
    print("\n| model | quick, s | wide, s | quick sets / rows | wide sets / rows | thresholds "
          "| met by quick | met by wide |\n|---|--:|--:|--:|--:|--:|--:|--:|")  # fmt: skip
    print("\n".join(costs))
    print("\n| model | fault | planted | found by quick | found by wide |\n|---|---|--:|--:|--:|")
    print("\n".join(tallies))


if __name__ == "__main__":
    main()
