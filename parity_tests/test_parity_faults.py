"""The check itself is checked: planted faults that it must fail, faithful runs that it must pass.

Small real networks run in ONNX Runtime. A fault is a change to the graph, the weights or the
outputs of the kind that converters make; most are far inside the usual tolerances.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper
from onnx.helper import make_node as node

from interop.parity.floor.noise import Noise, measure_noise
from interop.parity.floor.runs import floor_runs
from interop.parity.truth.evaluator import Truth
from interop.parity.verdict.compare import OutputParity, Verdict, compare_outputs

RNG = np.random.default_rng


class Net:
    """A graph under construction: nodes, and weights drawn by seed."""

    def __init__(self, seed: int) -> None:
        self.rng = RNG(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, np.ndarray] = {}

    def weight(self, name: str, *shape: int, scale: float | None = None, shift: float = 0.0) -> str:
        fan = int(np.prod(shape[1:])) or 1
        value = self.rng.standard_normal(shape) * (fan**-0.5 if scale is None else scale) + shift
        self.weights[name] = value.astype(np.float32)
        return name

    def add(self, op: str, *inputs: str, out: str, **attributes: object) -> str:
        self.nodes.append(node(op, list(inputs), [out], name=out, **attributes))
        return out

    def model(self, inputs: dict[str, list], outputs: dict[str, list]) -> onnx.ModelProto:
        def values(shapes: dict[str, list]) -> list[onnx.ValueInfoProto]:
            return [helper.make_tensor_value_info(n, 1, s) for n, s in shapes.items()]

        graph = helper.make_graph(
            self.nodes, "net", values(inputs), values(outputs),
            [numpy_helper.from_array(a, n) for n, a in self.weights.items()],
        )  # fmt: skip
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)
        onnx.checker.check_model(model)
        return model


def conv_net() -> onnx.ModelProto:
    net, x = Net(1), "x"
    for i, (channels, width) in enumerate([(3, 16), (16, 32), (32, 32)]):
        net.weight(f"w{i}", width, channels, 3, 3, scale=(2 / (9 * channels)) ** 0.5)
        net.add("Conv", x, f"w{i}", out=f"conv{i}", pads=[1] * 4, strides=[1 + i % 2] * 2)
        net.weight(f"s{i}", width, scale=0.1, shift=1.0)
        net.weight(f"b{i}", width, scale=0.1)
        net.weight(f"m{i}", width, scale=0.2)
        net.weights[f"v{i}"] = net.rng.uniform(0.2, 2.0, width).astype(np.float32)
        bn = [f"{k}{i}" for k in "sbmv"]
        net.add("BatchNormalization", f"conv{i}", *bn, out=f"bn{i}", epsilon=1e-5)
        x = net.add("Relu", f"bn{i}", out=f"relu{i}")
    net.add("GlobalAveragePool", x, out="pooled")
    net.add("Flatten", "pooled", out="flat")
    net.weight("fc", 10, 32)
    net.weight("fc_b", 10, scale=0.1)
    net.add("Gemm", "flat", "fc", "fc_b", out="logits", transB=1)
    return net.model({"x": ["n", 3, 32, 32]}, {"logits": ["n", 10], x: ["n", 32, 16, 16]})


def mlp() -> onnx.ModelProto:
    net, x = Net(2), "x"
    for i in range(3):
        net.weight(f"w{i}", 64, 64)
        net.weight(f"s{i}", 64, scale=0.1, shift=1.0)
        net.weight(f"b{i}", 64, scale=0.1)
        net.add("LayerNormalization", x, f"s{i}", f"b{i}", out=f"ln{i}", epsilon=1e-5)
        net.add("MatMul", f"ln{i}", f"w{i}", out=f"mm{i}")
        net.add("Gelu", f"mm{i}", out=f"act{i}")
        x = net.add("Add", f"act{i}", x, out=f"res{i}")
    net.weight("head", 64, 12)
    net.add("MatMul", x, "head", out="y")
    return net.model({"x": ["n", 16, 64]}, {"y": ["n", 16, 12]})


def lstm() -> onnx.ModelProto:
    net = Net(3)
    net.weight("W", 2, 4 * 24, 20, scale=20**-0.5)
    net.weight("R", 2, 4 * 24, 24, scale=24**-0.5)
    net.weight("B", 2, 8 * 24, scale=0.1)
    net.nodes.append(
        node("LSTM", ["x", "W", "R", "B"], ["Y", "Yh"], name="lstm",
             hidden_size=24, direction="bidirectional")
    )  # fmt: skip
    return net.model({"x": [12, "n", 20]}, {"Y": [12, 2, "n", 24], "Yh": [2, "n", 24]})


def attention() -> onnx.ModelProto:
    net = Net(4)
    heads, width = 4, 32
    net.weights["shape"] = np.array([0, 0, heads, width // heads], dtype=np.int64)
    net.weights["merged"] = np.array([0, 0, width], dtype=np.int64)
    net.weights["scale"] = np.array((width // heads) ** -0.5, dtype=np.float32)
    for k in "qkv":
        net.weight(f"w{k}", width, width)
        net.add("MatMul", "x", f"w{k}", out=f"{k}0")
        net.add("Reshape", f"{k}0", "shape", out=f"{k}1")
        net.add("Transpose", f"{k}1", out=k, perm=[0, 2, 3, 1] if k == "k" else [0, 2, 1, 3])
    net.add("MatMul", "q", "k", out="raw")
    net.add("Mul", "raw", "scale", out="scores")
    net.add("Softmax", "scores", out="weights", axis=-1)
    net.add("MatMul", "weights", "v", out="mixed")
    net.add("Transpose", "mixed", out="turned", perm=[0, 2, 1, 3])
    net.add("Reshape", "turned", "merged", out="joined")
    net.weight("wo", width, width)
    net.add("MatMul", "joined", "wo", out="projected")
    net.add("Add", "projected", "x", out="y")
    return net.model({"x": ["n", 10, width]}, {"y": ["n", 10, width], "weights": ["n", 4, 10, 10]})


NETS = {"conv": conv_net, "mlp": mlp, "lstm": lstm, "attention": attention}
Outputs = dict[str, np.ndarray]


def execute(
    model: onnx.ModelProto, x: np.ndarray, *, level: str = "ENABLE_ALL", threads: int = 1
) -> Outputs:
    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, f"ORT_{level}")
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [o.name for o in model.graph.output]
    return dict(zip(names, session.run(names, {"x": x}), strict=True))


@dataclass(frozen=True)
class Case:
    model: onnx.ModelProto
    x: np.ndarray
    truth: Outputs
    noise: dict[str, Noise]
    plain: Outputs

    def worst(self, candidate: Outputs) -> OutputParity:
        parities = compare_outputs(self.truth, candidate, self.noise)
        return max(parities, key=lambda p: (p.verdict, -(p.effective_bits or 0)))


@functools.cache
def case(name: str, batch: int = 3, scale: float = 1.0) -> Case:
    model = NETS[name]()
    shape = [d.dim_value or batch for d in model.graph.input[0].type.tensor_type.shape.dim]
    x = (RNG(7).standard_normal(shape) * scale).astype(np.float32)
    truth = Truth(model).run({"x": x})
    runs = [outputs for _, _, outputs in floor_runs(model, {"a": {"x": x}}, threads=1)]
    noise = {n: measure_noise(truth[n], [run[n] for run in runs]) for n in truth}
    return Case(model, x, truth, noise, execute(model, x))


# --- faults in the graph or the weights -------------------------------------------------------


def attribute(model: onnx.ModelProto, op: str, index: int, **values: object) -> None:
    found = [n for n in model.graph.node if n.op_type == op][index]
    kept = [a for a in found.attribute if a.name not in values]
    del found.attribute[:]
    found.attribute.extend(kept)
    found.attribute.extend(helper.make_attribute(k, v) for k, v in values.items())


def weight(model: onnx.ModelProto, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    tensor = next(t for t in model.graph.initializer if t.name == name)
    value = np.asarray(change(numpy_helper.to_array(tensor)), dtype=np.float32, order="C")
    tensor.CopyFrom(numpy_helper.from_array(value, name))


def half(a: np.ndarray) -> np.ndarray:
    return a.astype(np.float16).astype(np.float32)


def flip_filter(a: np.ndarray) -> np.ndarray:
    b = a.copy()
    b[3] = b[3, :, ::-1, ::-1]
    return b


def swap_gates(a: np.ndarray) -> np.ndarray:
    i, o, f, c = np.split(a, 4, axis=1)
    return np.concatenate([i, f, o, c], axis=1)


GRAPH_FAULTS: dict[str, tuple[str, Callable[[onnx.ModelProto], None]]] = {
    "batch-norm epsilon 1e-6 for 1e-5": (
        "conv", lambda m: attribute(m, "BatchNormalization", 1, epsilon=1e-6)),
    "batch-norm epsilon 1e-3 for 1e-5": (
        "conv", lambda m: attribute(m, "BatchNormalization", 1, epsilon=1e-3)),
    "one flipped filter": ("conv", lambda m: weight(m, "w1", flip_filter)),
    "one filter bank through float16": ("conv", lambda m: weight(m, "w1", half)),
    "padding at the other end": ("conv", lambda m: attribute(m, "Conv", 1, pads=[0, 0, 2, 2])),
    "batch-norm mean dropped": ("conv", lambda m: weight(m, "m2", np.zeros_like)),
    "layer-norm epsilon 1e-6 for 1e-5": (
        "mlp", lambda m: attribute(m, "LayerNormalization", 0, epsilon=1e-6)),
    "layer-norm epsilon 1e-6 for 1e-5, all three": (
        "mlp", lambda m: [attribute(m, "LayerNormalization", i, epsilon=1e-6) for i in range(3)]),
    "tanh GELU for the exact one": ("mlp", lambda m: attribute(m, "Gelu", 0, approximate="tanh")),
    "transposed square weight": ("mlp", lambda m: weight(m, "w1", np.transpose)),
    "one weight through float16": ("mlp", lambda m: weight(m, "w2", half)),
    "LSTM gates f and o exchanged": ("lstm", lambda m: weight(m, "W", swap_gates)),
    "recurrent matrix through float16": ("lstm", lambda m: weight(m, "R", half)),
    "one direction only": (
        "lstm", lambda m: weight(m, "W", lambda a: np.concatenate([a[:1], a[:1]]))),
    "softmax over the wrong axis": ("attention", lambda m: attribute(m, "Softmax", 0, axis=-2)),
    "attention scale of the whole width": (
        "attention", lambda m: weight(m, "scale", lambda a: a / 2)),
    "attention scale off by a thousandth of a per cent": (
        "attention", lambda m: weight(m, "scale", lambda a: a * np.float32(1.00001))),
    "projection through float16": ("attention", lambda m: weight(m, "wo", half)),
}  # fmt: skip


@pytest.mark.parametrize("fault", GRAPH_FAULTS)
def test_graph_fault_is_caught(fault: str) -> None:
    name, plant = GRAPH_FAULTS[fault]
    here = case(name)
    broken = copy.deepcopy(here.model)
    plant(broken)
    worst = here.worst(execute(broken, here.x))
    assert not worst.verdict.passes, worst


# --- faults in the outputs --------------------------------------------------------------------


def edit(outputs: Outputs, name: str, change: Callable[[np.ndarray], np.ndarray]) -> Outputs:
    return {n: change(a.copy()) if n == name else a for n, a in outputs.items()}


def put(index: tuple, value: Callable[[np.float32], float]) -> Callable[[np.ndarray], np.ndarray]:
    def change(a: np.ndarray) -> np.ndarray:
        a[index] = value(a[index])
        return a

    return change


def repeat_row(a: np.ndarray) -> np.ndarray:
    a[2] = a[1]
    return a


def nudge_row(a: np.ndarray) -> np.ndarray:
    a[1] *= np.float32(1 + 3e-5)
    return a


OUTPUT_FAULTS: dict[str, tuple[str, Callable[[Outputs], Outputs]]] = {
    "outputs exchanged": ("lstm", lambda o: {"Y": o["Y"], "Yh": o["Yh"][::-1].copy()}),
    "wrong batch row": ("conv", lambda o: edit(o, "logits", repeat_row)),
    "one batch row off by 3e-5": ("conv", lambda o: edit(o, "relu2", nudge_row)),
    "one-sided NaN": ("conv", lambda o: edit(o, "relu2", put((0, 1, 2, 3), lambda v: np.nan))),
    "one-sided infinity": ("mlp", lambda o: edit(o, "y", put((0, 1, 2), lambda v: np.inf))),
    "all NaN": ("mlp", lambda o: edit(o, "y", lambda a: np.full_like(a, np.nan))),
    "float64 for float32": ("mlp", lambda o: edit(o, "y", lambda a: a.astype(np.float64))),
    "a shape that broadcasts": ("mlp", lambda o: edit(o, "y", lambda a: a[:, :1])),
    "an axis of one more": ("mlp", lambda o: edit(o, "y", lambda a: a[None])),
    "height and width exchanged": (
        "conv", lambda o: edit(o, "relu2", lambda a: a.swapaxes(2, 3))),
    "channels last": ("conv", lambda o: edit(o, "relu2", lambda a: a.transpose(0, 2, 3, 1))),
    "an output missing": ("lstm", lambda o: {"Y": o["Y"]}),
    "an output too many": ("mlp", lambda o: {**o, "z": o["y"]}),
    "an output renamed": ("mlp", lambda o: {"output_0": o["y"]}),
    "no output at all": ("mlp", lambda o: {}),
    "an empty output": ("mlp", lambda o: edit(o, "y", lambda a: a[:0])),
    "one element off by a thousandth": (
        "conv", lambda o: edit(o, "relu2", put((1, 4, 5, 6), lambda v: v + 1e-3))),
    "one element off by 1e-4": (
        "attention", lambda o: edit(o, "y", put((1, 4, 5), lambda v: v + 1e-4))),
    "classes shuffled": ("conv", lambda o: edit(o, "logits", lambda a: a[:, ::-1])),
    "all zero": ("attention", lambda o: edit(o, "y", np.zeros_like)),
    "sign lost": ("mlp", lambda o: edit(o, "y", np.abs)),
    "rounded to float16": ("attention", lambda o: edit(o, "y", half)),
}  # fmt: skip


@pytest.mark.parametrize("fault", OUTPUT_FAULTS)
def test_output_fault_is_caught(fault: str) -> None:
    name, plant = OUTPUT_FAULTS[fault]
    here = case(name)
    worst = here.worst(plant(here.plain))
    assert not worst.verdict.passes, worst


# --- faithful variants ------------------------------------------------------------------------


def contracted_in_reverse(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same function with every matrix product summed in another order."""
    other = copy.deepcopy(model)
    order = RNG(5).permutation(64)
    for i in range(3):
        weight(other, f"w{i}", lambda a: a[order])
        other.graph.initializer.append(numpy_helper.from_array(order, f"order{i}"))
    nodes = []
    for old in other.graph.node:
        if old.name.startswith("mm"):
            shuffled = f"{old.input[0]}_shuffled"
            nodes.append(
                node("Gather", [old.input[0], f"order{old.name[2:]}"], [shuffled], axis=-1)
            )
            old.input[0] = shuffled
        nodes.append(old)
    del other.graph.node[:]
    other.graph.node.extend(nodes)
    return other


def as_half_sums(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same function with every convolution as the sum of two over half the channels."""
    other = copy.deepcopy(model)
    nodes = []
    for old in other.graph.node:
        if old.op_type != "Conv":
            nodes.append(old)
            continue
        tensor = next(t for t in other.graph.initializer if t.name == old.input[1])
        value = numpy_helper.to_array(tensor)
        middle = value.shape[1] // 2
        parts = []
        for k, where in enumerate((slice(0, middle), slice(middle, None))):
            masked = np.zeros_like(value)
            masked[:, where] = value[:, where]
            name = f"{tensor.name}_{k}"
            other.graph.initializer.append(numpy_helper.from_array(masked, name))
            part = copy.deepcopy(old)
            part.name, part.input[1], part.output[0] = f"{old.name}_{k}", name, f"{old.name}_{k}"
            nodes.append(part)
            parts.append(part.output[0])
        nodes.append(node("Add", parts, list(old.output)))
    del other.graph.node[:]
    other.graph.node.extend(nodes)
    return other


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize(("batch", "scale"), [(1, 1.0), (3, 1.0), (2, 0.1), (2, 4.0)])
@pytest.mark.parametrize("level", ["ALL", "DISABLE_ALL"])
@pytest.mark.parametrize("threads", [1, 2])
def test_faithful_run_passes(name: str, batch: int, scale: float, level: str, threads: int) -> None:
    here = case(name, batch, scale)
    level = f"ENABLE_{level}" if level == "ALL" else level
    worst = here.worst(execute(here.model, here.x, level=level, threads=threads))
    assert worst.verdict.passes, worst


@pytest.mark.parametrize(
    ("name", "rewrite"), [("mlp", contracted_in_reverse), ("conv", as_half_sums)]
)
@pytest.mark.parametrize("batch", [1, 3])
def test_faithful_rewrite_passes(
    name: str, rewrite: Callable[[onnx.ModelProto], onnx.ModelProto], batch: int
) -> None:
    here = case(name, batch)
    worst = here.worst(execute(rewrite(here.model), here.x))
    assert worst.verdict in (Verdict.EXACT, Verdict.FAITHFUL), worst
