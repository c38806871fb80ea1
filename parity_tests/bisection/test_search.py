"""How it is searched: where the model is cut, how often it is run, and what is held in memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
from onnx import numpy_helper as nph
from onnx import parser
from planted import (
    RNG,
    net,
    on,
)

from interop.bisect import OnnxRuntime
from interop.bisect.layers import layers
from interop.bisect.pieces import Graph
from interop.bisect.reference import References
from interop.bisect.run import subject
from interop.bisect.search import cuts, halve, widths
from interop.bisect.units import pair
from interop.parity import InputSet


def test_cuts_are_the_dominators() -> None:
    graph = Graph(net())
    paired = pair(graph, graph)
    makers = [unit.outputs[0] for unit in paired.units]
    crossing = dict(zip(makers, widths(paired), strict=False))
    assert crossing["c"] == crossing["d"] == crossing["e"] == crossing["f"] == 1
    assert crossing["top"] == crossing["bright"] == 2  # beside f
    assert {makers[cut - 1] for cut in cuts(paired)} >= {"c", "d", "f", "h"}


def test_halving_asks_as_often_as_the_logarithm() -> None:
    asked = []

    def wrong(count: int) -> bool:
        asked.append(count)
        return count >= 701

    assert halve(range(1, 1000), 0, 1000, wrong) == (700, 701)
    assert len(asked) <= 10


def test_a_small_budget_gives_the_same_in_more_runs(tmp_path: Path) -> None:
    class Counting(OnnxRuntime):
        sizes: list[int] = []  # noqa: RUF012

        def run(self, model, feeds):
            self.sizes.append(len(model.graph.node))
            return super().run(model, feeds)

    def verdicts(budget: int, folder: Path) -> list[object]:
        about = on(Counting(), folder)
        references = about.references(about.sets[0])
        numbers = range(len(about.pair.units))
        return [
            [p.verdict for p in layer.judgement.parities]
            for layer in layers(about.pair, references, about.executor, numbers, budget=budget)
        ]

    whole = verdicts(1 << 30, tmp_path / "a")
    assert Counting.sizes == [len(whole)]
    assert verdicts(1, tmp_path / "b") == whole
    assert Counting.sizes[1:] == [1] * len(whole)


def test_memory_does_not_grow_with_the_number_of_layers(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        nodes = "".join(f"v{i + 1} = Sigmoid (v{i}) " for i in range(count))
        model = parser.parse_model(
            f'<ir_version: 10, opset_import: ["": 23]> deep (float[n,256,256] v0) => '
            f"(float[n,256,256] v{count}) {{ {nodes} }}"
        )
        graph = Graph(model)
        sets = [InputSet("one", {"v0": np.ones((1, 256, 256), np.float32) / 3})]
        about = subject(graph, graph, OnnxRuntime(), sets, tmp_path / str(count))
        references = about.references(sets[0])
        tracemalloc.start()
        try:
            found = list(
                layers(about.pair, references, about.executor, range(count), budget=1 << 20)
            )
            assert not any(layer.wrong for layer in found)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(18) < 1.2 * peak(6)


def test_reference_values_are_the_rounded_truth(tmp_path: Path) -> None:
    model = net()
    graph, x = Graph(model), RNG(1).standard_normal((3, 8, 16)).astype(np.float32)
    references = References(pair(graph, graph), {"x": x}, tmp_path)
    references.reach(2)
    weights = {t.name: nph.to_array(t).astype(np.float64) for t in model.graph.initializer}
    a = (x.astype(np.float64) @ weights["w0"]).astype(np.float32)
    assert np.array_equal(references["a"], a)
    wide = a.astype(np.float64)
    centred = wide - wide.mean(-1, keepdims=True)
    b = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    b = (b * weights["scale"] + weights["shift"]).astype(np.float32)
    np.testing.assert_allclose(references["b"], b, rtol=0, atol=np.spacing(np.float32(4)))
