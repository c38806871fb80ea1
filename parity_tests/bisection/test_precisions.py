"""A backend that says it computes in fewer bits is held to the floor of those, node by node, too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, parser
from onnx import numpy_helper as nph
from onnxruntime.transformers.float16 import convert_float_to_float16
from planted import RNG, Faulty

from interop.bisect import OnnxRuntime, bisect, profile
from interop.bisect.measure import unsuited
from interop.bisect.pieces import Graph
from interop.bisect.run import Subject, subject
from interop.parity import FLOAT32, InputSet, precision_named
from interop.progress import Silent

NET = """
<ir_version: 10, opset_import: ["": 20]>
net (float[n,64] x) => (float[n,32] y)
{
    [first] a = MatMul (x, w0)
    [bent] b = LeakyRelu <alpha = 0.1> (a)
    [bound] c = Tanh (b)
    [second] y = MatMul (c, w1)
}
"""


class Half(Faulty):
    """Whatever it is given, ONNX Runtime's own converter puts it into float16 first."""

    precision = precision_named("float16")

    def run(self, model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        typed = onnx.shape_inference.infer_shapes(model)
        self.spoil(typed)
        half = convert_float_to_float16(typed, keep_io_types=True)
        return OnnxRuntime.run(self, half, feeds)


class HalfUnsaid(Half):
    precision = FLOAT32


def faithful(model: onnx.ModelProto) -> None:
    """Nothing is changed."""


def bent_further(model: onnx.ModelProto) -> None:
    """More than float16 hides, which is 0.05 % of the values."""
    for node in model.graph.node:
        if node.op_type == "LeakyRelu":
            del node.attribute[:]
            node.attribute.append(helper.make_attribute("alpha", 0.15))


def about(executor: Faulty, folder: Path) -> Subject:
    model, rng = parser.parse_model(NET), RNG(5)
    for name, shape in {"w0": (64, 48), "w1": (48, 32)}.items():
        values = (rng.standard_normal(shape) / 8).astype(np.float32)
        model.graph.initializer.append(nph.from_array(values, name))
    graph = Graph(onnx.shape_inference.infer_shapes(model))
    sets = [InputSet("drawn", {"x": RNG(1).standard_normal((6, 64)).astype(np.float32)})]
    return subject(graph, graph, executor, sets, folder)


def test_a_faithful_float16_backend_has_no_fault(tmp_path: Path) -> None:
    done = bisect(about(Half(faithful), tmp_path / "half"), Silent())
    assert done.finding is None
    assert not any(one.wrong for one in done.whole.values())
    worst = [layer.judgement.worst for layer in done.layers]
    assert {(one.precision, one.bits) for one in worst} == {("float16", 11)}
    assert bisect(about(HalfUnsaid(faithful), tmp_path / "unsaid"), Silent()).finding is not None


def test_a_fault_is_named_in_float16_too(tmp_path: Path) -> None:
    """The slope alone stands out; by float32's floor every product does, too."""

    def wrong(executor: Faulty) -> list[str]:
        graded = profile(about(executor, tmp_path / type(executor).__name__), Silent())
        return [layer.unit.outputs[0] for layer in graded if layer.wrong]

    assert wrong(Half(bent_further)) == ["b"]
    assert {"a", "b", "y"} <= set(wrong(HalfUnsaid(bent_further)))
    found = bisect(about(Half(bent_further), tmp_path / "search"), Silent()).finding
    assert [node.name for node in found.nodes] == ["bent"]
    assert "float16" in found.reason


def test_int8_has_no_floor_without_a_product() -> None:
    product, other = helper.make_node("Gemm", [], []), helper.make_node("Tanh", [], [])
    int8 = precision_named("int8")
    assert "no" not in unsuited([product, other], int8)
    assert "is that of products" in unsuited([other], int8)
    assert unsuited([other], precision_named("tf32")) == ""
