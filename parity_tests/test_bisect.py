"""Bisection is given planted faults, of several kinds and in several places, and has to name them."""

from __future__ import annotations

import copy
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, parser
from onnx import numpy_helper as nph
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from interop.backends import parse
from interop.bisect import OnnxRuntime, bisect, profile
from interop.bisect.command import BisectRequest, carry_out, layer_profile
from interop.bisect.layers import layers
from interop.bisect.pieces import Graph
from interop.bisect.reference import References
from interop.bisect.run import subject
from interop.bisect.search import cuts, halve, widths
from interop.bisect.units import pair
from interop.cli import app
from interop.conversion import Request, run
from interop.errors import InteropError, InvalidModel, UnsupportedOperator, UsageError
from interop.graph.canonical import canonicalize
from interop.graph.origins import origin_of
from interop.parity import InputSet
from interop.progress import Silent

RNG = np.random.default_rng

NET = """
<ir_version: 10, opset_import: ["": 23]>
net (float[n,8,16] x) => (float[n,8,16] y, float[n,16] pooled)
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
    [turned] turned = Transpose <perm = [0, 2, 1]> (h)
    [back] k = Transpose <perm = [0, 2, 1]> (turned)
    [third] y = MatMul (k, w2)
    [pool] pooled = ReduceMean <keepdims = 0> (h, one)
}
"""


def net() -> onnx.ModelProto:
    model, rng = parser.parse_model(NET), RNG(3)
    weights = {
        **{f"w{i}": rng.standard_normal((16, 16)) / 4 for i in range(3)},
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
    "axes": (attribute("back", perm=[0, 1, 2]), "back", "perm [0, 1, 2] for [0, 2, 1]"),
    "reduction": (becomes("pool", "ReduceSum"), "pool", "has become ReduceSum"),
    "inside an If": (inside("branch", "then_branch", 0, "Cos"), "branch", "another body"),
    "inside a Loop": (inside("loop", "body", 1, "Sigmoid"), "loop", "another body"),
}  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("original") / "net.onnx"
    onnx.save(net(), path)
    return path


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


@pytest.mark.parametrize("fault", FAULTS)
def test_the_node_is_named(fault: str, original: Path, tmp_path: Path) -> None:
    plant, node, words = FAULTS[fault]
    found = carry_out(asked(original, planted(plant, tmp_path), output=tmp_path / "out"))
    finding = found["finding"]
    assert not found["passes"]
    assert f"'{node}'" in finding["nodes"][0]["node"], finding
    told = [*finding["changes"], *(f"{w['what']} {w['looks']}" for w in finding["weights"])]
    assert any(words in one for one in told), told


def test_the_same_graph_has_no_fault(original: Path, tmp_path: Path) -> None:
    found = carry_out(asked(original, original, output=tmp_path / "out"))
    assert found["passes"]
    assert found["finding"] is None
    assert len(found["layers"]) > 10
    assert not any(layer["wrong"] or layer["undecided"] for layer in found["layers"])
    assert not (tmp_path / "out").exists()


# --- what runs the pieces is at fault ----------------------------------------------------------


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


def test_a_backend_that_is_wrong_about_one_operator(tmp_path: Path) -> None:
    found = bisect(on(Faulty(leaks), tmp_path), Silent()).finding
    assert (found.kind, [node.name for node in found.nodes]) == ("node", ["bent"])
    assert "so is the output" in found.confirmed


def test_a_fault_of_fusion_is_told_as_that_with_the_smallest_window(tmp_path: Path) -> None:
    searched = bisect(on(Faulty(fuses_badly), tmp_path), Silent())
    found = searched.finding
    assert found.kind == "fused"
    assert {node.name for node in found.nodes} == {"second", "bent"}
    assert not any(layer.wrong for layer in searched.layers)


def test_a_node_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    found = bisect(on(Faulty(has_no_gelu), tmp_path), Silent()).finding
    assert found.nodes[0].name == "act"
    assert "has no Gelu" in found.reason


def test_a_second_fault_behind_the_first_is_not_passed_over(tmp_path: Path) -> None:
    def both(model: onnx.ModelProto) -> None:
        leaks(model)
        for node in model.graph.node:
            node.op_type = "ReduceMax" if node.op_type == "ReduceMean" else node.op_type

    found = bisect(on(Faulty(both), tmp_path), Silent()).finding
    assert found.nodes[0].name == "bent"
    assert "not the only fault" in found.confirmed
    wrong = [
        layer.unit.outputs[0]
        for layer in profile(on(Faulty(both), tmp_path / "all"), Silent())
        if layer.wrong
    ]
    assert wrong == ["f", "pooled"]


def test_what_the_whole_does_not_show_is_found_node_by_node(tmp_path: Path) -> None:
    """Beside a million, what one in a hundred does to values near one is rounding."""
    model = parser.parse_model("""
    <ir_version: 10, opset_import: ["": 23]>
    drowned (float[n,8,16] x) => (float[n,8,16] y)
    <float large = {1000000.0}> {
        [bent] f = LeakyRelu <alpha = 0.1> (x)
        [sum] y = Add (f, large)
    }""")
    found = bisect(on(Faulty(leaks), tmp_path, model), Silent())
    assert not any(one.wrong for one in found.whole.values())
    assert [node.name for node in found.finding.nodes] == ["bent"]
    assert "does not show it" in found.finding.confirmed


def test_a_value_that_cannot_be_handed_over_stays_inside_its_window(tmp_path: Path) -> None:
    """A sequence, and a result without elements."""
    model = parser.parse_model("""
    <ir_version: 10, opset_import: ["": 23]>
    listed (float[n,8,16] x) => (float[n,8,16] y)
    <int64 none = {0}, int64[1] start = {0}, int64[1] axis = {1}, int64[1] end = {0}> {
        [negated] a = Neg (x)
        [list] b = SequenceConstruct (x, a)
        [taken] c = SequenceAt (b, none)
        [nothing] d = Slice (c, start, end, axis)
        [bent] f = LeakyRelu <alpha = 0.1> (c)
        [joined] y = Concat <axis = 1> (f, d)
    }""")
    about = on(Faulty(leaks), tmp_path, onnx.shape_inference.infer_shapes(model))
    assert {unit.outputs: len(unit.reference.nodes) for unit in about.pair.units}[("c",)] == 2
    layers = profile(about, Silent())
    assert [layer.unit.outputs[0] for layer in layers if layer.wrong] == ["f"]
    assert not any(layer.undecided for layer in layers)


def test_a_candidate_that_reads_what_comes_later_in_the_original(tmp_path: Path) -> None:
    text = """<ir_version: 10, opset_import: ["": 23]>
    crossed (float[n,8] x) => (float[n,8] y) {
        [one] a = Sin (x)
        [two] b = Cos (x)
        [sum] c = Mul (a, x)
        [end] y = Add (c, b)
    }"""
    bad = parser.parse_model(text.replace("[one] a = Sin (x)", "").replace(
        "[two] b = Cos (x)", "[two] b = Cos (x) [one] a = Sin (b)"))  # fmt: skip
    sets = [InputSet("drawn", {"x": RNG(1).standard_normal((3, 8)).astype(np.float32)})]
    about = subject(Graph(parser.parse_model(text)), Graph(bad), OnnxRuntime(), sets, tmp_path)
    found = bisect(about, Silent()).finding
    assert found.nodes[0].name == "one"
    assert any("Cos 'two'" in change for change in found.changes)


# --- how it is searched ------------------------------------------------------------------------


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


# --- what is left behind -----------------------------------------------------------------------


def tensors(folder: Path, kind: str) -> list[np.ndarray]:
    files = sorted(folder.glob(f"{kind}_*.pb"))
    return [nph.to_array(onnx.TensorProto.FromString(file.read_bytes())) for file in files]


def outputs(path: Path, feeds: list[np.ndarray]) -> list[np.ndarray]:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    return session.run(None, dict(zip(names, feeds, strict=True)))


def test_the_reproducer_shows_it_without_us(original: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = carry_out(asked(original, planted(FAULTS["slope"][0], tmp_path), output=out))
    model, bad = onnx.load(out / "model.onnx"), onnx.load(out / "candidate.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert (
        [node.op_type for node in model.graph.node]
        == ["LeakyRelu"]
        == [n.op_type for n in bad.graph.node]
    )
    given, (expected,) = (
        tensors(out / "test_data_set_0", "input"),
        tensors(out / "test_data_set_0", "output"),
    )
    assert [array.shape for array in given] == [(1, 8, 16)]
    assert np.array_equal(outputs(out / "model.onnx", given)[0], expected)
    assert not np.allclose(outputs(out / "candidate.onnx", given)[0], expected, rtol=1e-2)
    again = carry_out(
        asked(out / "model.onnx", out / "candidate.onnx", data=out, output=tmp_path / "again")
    )
    assert [node["operator"] for node in again["finding"]["nodes"]] == ["LeakyRelu"]
    assert found["rerun"] in (out / "README.md").read_text("utf-8")
    assert "onnxruntime" in (out / "README.md").read_text("utf-8")


def test_an_open_size_is_kept_where_the_fault_needs_it(original: Path, tmp_path: Path) -> None:
    """One wrong batch row, the last: a batch of one does not show it."""
    model = net()
    bent = named(model, "bent")
    bent.output[0] = "f_right"
    place = list(model.graph.node).index(bent)
    rows = {"from": [-1], "to": [2**31], "axes": [0], "minus": [1]}
    model.graph.initializer.extend(nph.from_array(np.array(v), n) for n, v in rows.items())
    for node in (
        helper.make_node("Slice", ["f_right", "zero_to", "minus_one", "axes"], ["others"]),
        helper.make_node("Slice", ["f_right", "minus", "to", "axes"], ["last_rows"]),
        helper.make_node("Neg", ["last_rows"], ["wrong_rows"]),
        helper.make_node("Concat", ["others", "wrong_rows"], ["f"], axis=0),
    )[::-1]:
        model.graph.node.insert(place + 1, node)
    model.graph.initializer.extend(
        nph.from_array(np.array([v]), n) for n, v in {"zero_to": 0, "minus_one": 1}.items()
    )
    onnx.save(model, tmp_path / "bad.onnx")
    carry_out(asked(original, tmp_path / "bad.onnx", output=tmp_path / "out"))
    (given,) = tensors(tmp_path / "out" / "test_data_set_0", "input")
    assert given.shape == (2, 8, 16)  # the first set that has a second row


def test_a_weight_that_nothing_shows_is_named_all_the_same(tmp_path: Path) -> None:
    text = """<ir_version: 10, opset_import: ["": 23]> words (int64[n] ids) => (float[n,4] y)
    { [table] y = Gather (words, ids) }"""
    for name, last in (("right", 1.0), ("wrong", 2.0)):
        model = parser.parse_model(text)
        table = np.ones((64, 4), np.float32)
        table[-1] = last
        model.graph.initializer.append(nph.from_array(table, "words"))
        onnx.save(model, tmp_path / f"{name}.onnx")
    np.savez(tmp_path / "ids.npz", ids=np.arange(8))
    found = carry_out(
        asked(tmp_path / "right.onnx", tmp_path / "wrong.onnx", data=tmp_path / "ids.npz",
                output=tmp_path / "out")
    )  # fmt: skip
    assert not found["passes"]
    assert found["finding"]["kind"] == "weight"
    assert [w["name"] for w in found["finding"]["weights"]] == ["words"]
    assert found["reproducer"] is None
    assert not (tmp_path / "out").exists()


def test_the_command_says_it_and_ends_with_3(original: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    bad = planted(FAULTS["slope"][0], tmp_path)
    said = CliRunner().invoke(app, ["bisect", str(original), str(bad)])
    assert said.exit_code == 3
    assert "LeakyRelu 'bent' goes wrong first" in said.output
    assert "cd net-bisect && interop bisect" in said.output
    right = CliRunner().invoke(app, ["bisect", str(original), str(original), "--force"])
    assert right.exit_code == 0
    shown = CliRunner().invoke(app, ["bisect", str(original), str(bad), "--layers"])
    assert shown.exit_code == 3
    assert "divergent" in next(line for line in shown.output.splitlines() if "bent" in line)


# --- frameworks --------------------------------------------------------------------------------


def test_a_faithful_backend_has_no_fault(original: Path, tmp_path: Path) -> None:
    found = carry_out(asked(original, on="tensorflow:cpu", output=tmp_path / "out"))
    assert found["passes"], found["finding"]
    assert found["versions"]["tensorflow"]


@pytest.mark.slow
def test_a_spoilt_weight_of_an_artifact_is_named(original: Path, tmp_path: Path) -> None:
    folder = tmp_path / "converted"
    run(Request(str(original), "tensorflow", output=folder))
    weights = load_file(folder / "weights.safetensors")
    found = carry_out(asked(original, folder, output=tmp_path / "out"))
    assert found["passes"], found["finding"]
    weights["w1"] = half(weights["w1"])
    save_file(weights, folder / "weights.safetensors")
    found = carry_out(asked(original, folder, output=tmp_path / "out"))
    assert [w["name"] for w in found["finding"]["weights"]] == ["w1"]
    assert "'second'" in found["finding"]["nodes"][0]["node"]


def test_a_node_says_which_module_and_line_it_is_from(exported) -> None:
    """torch's exporter writes opset 20, so the graph has gone through the version converter."""
    import onnx_ir as ir

    model = ir.to_proto(canonicalize(exported("keyword_spotter") / "model.onnx"))
    (gru,) = [node for node in model.graph.node if node.op_type == "GRU"]
    origin = origin_of(gru)
    assert (origin.scope, origin.kind) == ("gru", "torch.nn.modules.rnn.GRU")
    assert "in_torch.py" in origin.line
    assert "self.gru(" in origin.line


def test_the_profile_of_a_backend_has_a_row_for_each_node(original: Path, tmp_path: Path) -> None:
    sets = [InputSet("drawn", {"x": RNG(1).standard_normal((3, 8, 16)).astype(np.float32)})]
    rows = layer_profile(original, parse("onnxruntime"), sets, tmp_path)
    assert len(rows) > 10
    assert all(row["effective_bits"] > 22 for row in rows if row["effective_bits"] is not None)
    assert not any(row["wrong"] for row in rows)
    assert {"sine", "inner"}.isdisjoint(name for row in rows for name in row["outputs"])


# --- what a user gets wrong --------------------------------------------------------------------


def wrong_requests(
    original: Path, folder: Path
) -> dict[str, tuple[BisectRequest, type[InteropError], str]]:
    other = net()
    other.graph.input[0].name = "z"
    for node in other.graph.node:
        node.input[:] = ["z" if name == "x" else name for name in node.input]
    onnx.save(other, folder / "other.onnx")
    (folder / "text.onnx").write_text("no model")
    wide = parser.parse_model(NET.replace("float[n,8,16] x)", "double[n,8,16] x)").split("[first]")[0]
                              .replace("(float[n,8,16] y, float[n,16] pooled)", "(double[n,8,16] y)") + "y = Neg (x) }")  # fmt: skip
    narrow = parser.parse_model("""<ir_version: 10, opset_import: ["": 23]>
        net (float[n,8,16] x) => (float[n,8,16] y) { y = Neg (x) }""")
    for name, one in (("wide", wide), ("narrow", narrow)):
        onnx.save(one, folder / f"{name}.onnx")
    return {
        "other types": (asked(folder / "wide.onnx", folder / "narrow.onnx"), UsageError, "float64 in the one"),
        "nothing to compare with": (asked(original), UsageError, "nothing to hold"),
        "no such file": (asked(original, folder / "none.onnx"), InvalidModel, "none.onnx"),
        "no model": (asked(original, folder / "text.onnx"), InvalidModel, "text.onnx"),
        "other inputs": (asked(original, folder / "other.onnx"), UsageError, "cannot be paired"),
        "not ONNX": (asked(original, folder), InteropError, str(folder)),
        "no such data": (asked(original, original, data=folder / "none.npz"), UsageError, "none.npz"),
    }  # fmt: skip


BAD_INPUT = (
    "other types", "nothing to compare with", "no such file", "no model", "other inputs", "not ONNX",
    "no such data",
)  # fmt: skip


@pytest.mark.parametrize("kind", BAD_INPUT)
def test_bad_input(kind: str, original: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    request, error, words = wrong_requests(original, tmp_path)[kind]
    with pytest.raises(error, match=words):
        carry_out(request)
    assert not list(tmp_path.glob("*-bisect"))
