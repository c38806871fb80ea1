"""A network, faults to plant into it, and what runs pieces of it rightly or wrongly."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, parser
from onnx import numpy_helper as nph

from interop.backends import parse
from interop.bisect import OnnxRuntime
from interop.bisect.command import BisectRequest
from interop.bisect.pieces import Graph
from interop.bisect.run import subject
from interop.conversion import Request
from interop.errors import UnsupportedOperator
from interop.parity import InputSet

RNG = np.random.default_rng

NET = """
<ir_version: 10, opset_import: ["": 23]>
net (float[n,8,16] x) => (float[n,16,8] y, float[n,16] pooled)
{
    [first] a = MatMul (x, w0)
    [norm] b = LayerNormalization <axis = -1, epsilon = 1e-5> (a, scale, shift)
    [act] c = Gelu (b)
    [residual] d = Add (c, x)
    [second] e = MatMul (d, w1)
    [bent] f = LeakyRelu <alpha = 0.1> (e)
    [top] top = ReduceMax <keepdims = 0> (f)
    [bright] bright = Greater (top, half)
    [branch] g = If (bright) <
        then_branch = yes () => (float[n,8,16] then_out) { [sine] s = Sin (f)  then_out = Mul (s, two) },
        else_branch = no () => (float[n,8,16] else_out) { else_out = Neg (f) }
    >
    [loop] h = Loop (three, always, g) <
        body = turn (int64 i, bool go, float[n,8,16] state) => (bool more, float[n,8,16] next) {
            more = Identity (go)
            [inner] t = Tanh (state)
            next = Add (t, g)
        }
    >
    [back] k = Transpose <perm = [0, 2, 1]> (h)
    [third] y = MatMul (k, w2)
    [pool] pooled = ReduceMean <keepdims = 0> (h, one)
}
"""


def net() -> onnx.ModelProto:
    model, rng = parser.parse_model(NET), RNG(3)
    weights = {
        **{f"w{i}": rng.standard_normal((k, k)) / 4 for i, k in enumerate((16, 16, 8))},
        "scale": 1 + rng.standard_normal(16) / 10, "shift": rng.standard_normal(16) / 10,
        "half": np.array(0.5), "two": np.array(2.0),
    }  # fmt: skip
    model.graph.initializer.extend(
        nph.from_array(np.asarray(a, dtype=np.float32), n) for n, a in weights.items()
    )
    model.graph.initializer.extend(
        nph.from_array(a, n)
        for n, a in {"three": np.array(3), "always": np.array(True), "one": np.array([1])}.items()
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def named(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
    return next(node for node in model.graph.node if node.name == name)


def attribute(node: str, **values: object) -> Callable[[onnx.ModelProto], None]:
    def plant(model: onnx.ModelProto) -> None:
        found = named(model, node)
        kept = [a for a in found.attribute if a.name not in values]
        del found.attribute[:]
        found.attribute.extend(kept)
        found.attribute.extend(helper.make_attribute(k, v) for k, v in values.items())

    return plant


def weight(
    name: str, change: Callable[[np.ndarray], np.ndarray]
) -> Callable[[onnx.ModelProto], None]:
    def plant(model: onnx.ModelProto) -> None:
        tensor = next(t for t in model.graph.initializer if t.name == name)
        array = np.ascontiguousarray(change(nph.to_array(tensor)), dtype=np.float32)
        tensor.CopyFrom(nph.from_array(array, name))

    return plant


def reads(node: str, *names: str) -> Callable[[onnx.ModelProto], None]:
    def plant(model: onnx.ModelProto) -> None:
        named(model, node).input[:] = names

    return plant


def becomes(node: str, operator: str) -> Callable[[onnx.ModelProto], None]:
    def plant(model: onnx.ModelProto) -> None:
        found = named(model, node)
        found.op_type = operator
        del found.attribute[:]

    return plant


def missing(node: str) -> Callable[[onnx.ModelProto], None]:
    def plant(model: onnx.ModelProto) -> None:
        found = named(model, node)
        given, made = found.input[0], found.output[0]
        model.graph.node.remove(found)
        for other in model.graph.node:
            other.input[:] = [given if name == made else name for name in other.input]
            for a in other.attribute:
                for inner in a.g.node:
                    inner.input[:] = [given if name == made else name for name in inner.input]

    return plant


def inside(node: str, body: str, inner: int, operator: str) -> Callable[[onnx.ModelProto], None]:
    def plant(model: onnx.ModelProto) -> None:
        graph = next(a.g for a in named(model, node).attribute if a.name == body)
        graph.node[inner].op_type = operator

    return plant


def through_half(model: onnx.ModelProto) -> None:
    """An activation rounded on its way into `second`."""
    place = list(model.graph.node).index(named(model, "second"))
    to = onnx.TensorProto
    model.graph.node.insert(place, helper.make_node("Cast", ["d"], ["d16"], to=to.FLOAT16))
    model.graph.node.insert(place + 1, helper.make_node("Cast", ["d16"], ["d32"], to=to.FLOAT))
    named(model, "second").input[0] = "d32"


def half(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float16).astype(np.float32)


#: The fault, the node that it sits at, and words that have to stand in what is told of it.
FAULTS: dict[str, tuple[Callable[[onnx.ModelProto], None], str, str]] = {
    "epsilon": (attribute("norm", epsilon=1e-3), "norm", "epsilon 0.001 for 1e-05"),
    "slope": (attribute("bent", alpha=0.2), "bent", "alpha 0.2 for 0.1"),
    "the other GELU": (attribute("act", approximate="tanh"), "act", "approximate tanh"),
    "weight through float16": (weight("w1", half), "second", "rounded through float16"),
    "weight transposed": (weight("w2", np.transpose), "third", "transposed by [1, 0]"),
    "weight of another sign": (weight("shift", np.negative), "norm", "of the other sign"),
    "residual of the wrong branch": (reads("residual", "c", "c"), "residual", "reads (c, c) for (c, x)"),
    "activation missing": (missing("act"), "act", "is missing"),
    "activation of another kind": (becomes("bent", "Relu"), "bent", "has become Relu"),
    "activation through float16": (through_half, "second", "has been put in"),
    "axes": (attribute("back", perm=[1, 2, 0]), "back", "perm [1, 2, 0] for [0, 2, 1]"),
    "reduction": (becomes("pool", "ReduceSum"), "pool", "has become ReduceSum"),
    "inside an If": (inside("branch", "then_branch", 0, "Cos"), "branch", "another body"),
    "inside a Loop": (inside("loop", "body", 1, "Sigmoid"), "loop", "another body"),
}  # fmt: skip


def asked(
    model: Path, candidate: Path | None = None, on: str | None = None, **more
) -> BisectRequest:
    backend = None if on is None else parse(on)
    return BisectRequest(Request(str(model), "", **more), candidate, backend)


def planted(plant: Callable[[onnx.ModelProto], None], folder: Path) -> Path:
    model = net()
    plant(model)
    onnx.save(model, folder / "bad.onnx")
    return folder / "bad.onnx"


class Faulty(OnnxRuntime):
    """ONNX Runtime, but for models that `spoil` recognises, and changes."""

    name, plain = "faulty:cpu", False

    def __init__(self, spoil: Callable[[onnx.ModelProto], None]) -> None:
        self.spoil = spoil

    def run(self, model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        model = copy.deepcopy(model)
        self.spoil(model)
        return super().run(model, feeds)


def fuses_badly(model: onnx.ModelProto) -> None:
    """A product and the activation behind it become one kernel, with another slope."""
    made = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        before = made.get(node.input[0])
        if node.op_type == "LeakyRelu" and before is not None and before.op_type == "MatMul":
            del node.attribute[:]
            node.attribute.append(helper.make_attribute("alpha", 0.101))


def leaks(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        if node.op_type == "LeakyRelu":
            del node.attribute[:]
            node.attribute.append(helper.make_attribute("alpha", 0.101))


def has_no_gelu(model: onnx.ModelProto) -> None:
    if any(node.op_type == "Gelu" for node in model.graph.node):
        raise UnsupportedOperator("this backend has no Gelu")


def on(executor: OnnxRuntime, folder: Path, model: onnx.ModelProto | None = None):
    graph = Graph(model or net())
    sets = [InputSet("drawn", {"x": RNG(1).standard_normal((3, 8, 16)).astype(np.float32)})]
    return subject(graph, graph, executor, sets, folder)
