"""The scorecard is scored: every mutator plants a fault that shows, and no rewrite does.

Small networks that hold every operator a mutator needs, in float64 and in ONNX Runtime.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto
from scorecard.cases import plan
from scorecard.equivalence import Original
from scorecard.evidence import Evidence, evidence_of
from scorecard.executors import DoesNotRunError, Session, Setting
from scorecard.gates.usual import TESTS, blames
from scorecard.judging import FAITHFUL, OURS, Judge, obvious
from scorecard.ledger import Ledger, Row, read
from scorecard.mutators import MUTATORS, mutate, sites
from scorecard.nets import NETS, Net
from scorecard.plot import plot
from scorecard.rewrites import REWRITES, rewrite
from scorecard.subjects import SUBJECTS, bounds
from scorecard.summary import above_rounding, beyond, by_mutator, scores, survivors

from interop.graph.canonical import canonicalize, signature_of
from interop.parity.inputs.quick import input_sets
from interop.parity.inputs.sets import InputSet

FLOAT = TensorProto.FLOAT


def shapes() -> onnx.ModelProto:
    """Sizes that follow the batch, sums and means, masks that are added, a constant scale."""
    net = Net(7)
    size = net(
        "Concat", net("Shape", "x", start=0, end=1), net.constant([2, 4, 6], np.int64), axis=0
    )
    x = net("Transpose", net("Reshape", "x", size), perm=[0, 2, 1, 3])
    scores_ = net(
        "Mul", net("MatMul", x, net("Transpose", x, perm=[0, 1, 3, 2])), net.constant(0.2236068)
    )
    far = net("Sub", net("Mul", scores_, net.constant(0.0)), net.constant(30.0))
    far = net("Trilu", far, net.constant(1, np.int64), upper=1)
    open_ = net("Unsqueeze", "mask", net.constant([1, 2], np.int64))
    heads = net("Softmax", net("Add", net("Add", scores_, far), open_), axis=-1)
    x = net("Transpose", net("MatMul", heads, x), perm=[2, 0, 1, 3])
    x = net("Add", net("MatMul", x, net.weight(6, 5)), net.weight(5))
    x = net("ReduceMean", net("Tanh", x), net.constant([2], np.int64), keepdims=0)
    net("Transpose", x, perm=[1, 0, 2], out="y")
    return net.model(
        {"x": (FLOAT, ["n", 48]), "mask": (FLOAT, ["n", 2])}, {"y": ["n", 2, 5]}
    )  # fmt: skip


def bounded() -> onnx.ModelProto:
    """Clipping, two outputs alike, a table, a concatenation, a wide kernel."""
    net = Net(8)
    x = net("Gather", net.weight(12, 18), "ids")
    x = net("Reshape", x, net.constant([0, 2, 3, 3], np.int64))
    x = net("Conv", x, net.weight(4, 2, 3, 3), net.weight(4), pads=[1, 0, 1, 0])
    x = net("Clip", net("Mul", x, net.constant(9.0)), net.constant(0.0), net.constant(6.0))
    a = net("Conv", x, net.weight(4, 4, 1, 1), net.weight(4))
    b = net("Relu", net("Mul", a, net.constant(3.0)))
    x = net("Concat", net("Add", a, b), b, axis=1)
    x = net("Conv", x, net.weight(3, 8, 1, 1))
    net("Identity", x, out="first")
    net("Sub", net.constant(1.0), x, out="second")
    outputs: dict[str, list[int | str]] = {"first": ["n", 3, 3, 1], "second": ["n", 3, 3, 1]}
    return net.model({"ids": (TensorProto.INT64, ["n"])}, outputs)


def pools() -> onnx.ModelProto:
    """Windows over odd sizes, whose result may be of any size; statistics that need their epsilon."""
    net = Net(9)
    x = net("Conv", "image", net.weight(6, 3, 3, 3), strides=[2, 2], pads=[1] * 4)
    statistics = (net.weight(6), net.between(0.001, 0.01, 6))
    x = net("BatchNormalization", x, net.between(0.5, 1.5, 6), net.weight(6), *statistics)
    x = net("MaxPool", net("Relu", x), kernel_shape=[2, 2], strides=[2, 2])
    x = net("Flatten", net("GlobalAveragePool", x))
    net("Gemm", x, net.weight(4, 6), net.weight(4), out="y", transB=1)
    return net.model({"image": (FLOAT, ["n", 3, 17, 17])}, {"y": ["n", 4]})


def sized() -> onnx.ModelProto:
    """A sum over the root of how many there are; a Reshape that keeps the batch."""
    net = Net(10)
    count = net("Cast", net("Shape", "x", start=1, end=2), to=FLOAT)
    total = net("ReduceSum", "x", net.constant([1], np.int64), keepdims=0)
    x = net("Div", total, net("Sqrt", count))  # by the count itself it would be a mean
    x = net("MatMul", net("Reshape", x, net.constant([0, 2, 4], np.int64)), net.weight(4, 5))
    net("ReduceMean", net("Tanh", x), net.constant([1], np.int64), keepdims=0, out="y")
    return net.model({"x": (FLOAT, ["n", "t", 8])}, {"y": ["n", 5]})


OWN: dict[str, Callable[[], onnx.ModelProto]] = {
    **NETS,
    "shapes": shapes,
    "bounded": bounded,
    "pools": pools,
    "sized": sized,
}


def _whole_range(arrays, below):
    """Integers anywhere from 0: those that the graph allows are held off what turns negative."""
    rng = np.random.default_rng(0)
    drawn = {name: rng.integers(0, limit, arrays[name].shape) for name, limit in below.items()}
    return {**arrays, **drawn}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: Any) -> Callable[[str], Evidence]:
    """evidence(net): on four sets of inputs, one of them loud enough for bounds."""

    @functools.cache
    def make(name: str) -> Evidence:
        folder = tmp_path_factory.mktemp(name)
        onnx.save(OWN[name](), folder / "source.onnx")
        model = ir.to_proto(canonicalize(folder / "source.onnx"))
        below = bounds(SUBJECTS[name]) if name in SUBJECTS else {}
        sets = input_sets(model, signature_of(ir.from_proto(model)), bounds=below, seed=2)
        sets = tuple(InputSet(one.label, _whole_range(one.arrays, below)) for one in sets)
        return evidence_of(model, folder / "source.onnx", folder, sets)

    return make


@pytest.fixture(scope="module")
def original(evidence: Callable[[str], Evidence]) -> Callable[[str], Original]:
    return functools.cache(lambda name: Original(evidence(name)))


# --- mutators ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MUTATORS)
def test_mutator_plants_a_fault_that_is_caught(name, evidence, original):
    """At one site at least: a valid model, another function in float64, and we do not let it pass."""
    mutator, tried = MUTATORS[name], []
    for net in OWN:
        here = evidence(net)
        for site in sites(mutator, here.model):
            mutant = mutate(mutator, here.model, site)
            assert mutant.node == site
            try:
                session = Session(mutant.model)
                outputs = [session.run(one) for one in here.sets]
            except DoesNotRunError:
                tried.append((net, site, "does not run"))
                continue
            grade = here.grade(outputs)
            if original(net).difference(mutant.model).changed and not grade.passes:
                return
            tried.append((net, site, grade.letter))
    pytest.fail(f"nowhere: {tried}")


def test_what_float32_shows_beyond_doubt_is_so_in_float64(evidence, original):
    here, shown, hidden = evidence("classifier"), [], []
    for name, mutator in MUTATORS.items():
        for site in sites(mutator, here.model)[:1]:
            mutant = mutate(mutator, here.model, site).model
            try:
                found = obvious(here, [Session(mutant).run(one) for one in here.sets])
            except DoesNotRunError:
                continue
            exact = original("classifier").difference(mutant)
            if found is None:
                hidden.append(name)
                continue
            shown.append(name)
            assert exact.changed, name
            if found.inputs == exact.inputs:
                assert found.size == pytest.approx(exact.size, rel=0.01), name
    assert len(shown) > 20
    assert "epsilon outside the root" in hidden
    assert obvious(here, here.plain) is None


def test_mutators_leave_the_model_alone(evidence):
    here = evidence("classifier")
    before = here.model.SerializeToString()
    for mutator in MUTATORS.values():
        for site in sites(mutator, here.model):
            assert mutate(mutator, here.model, site).model.SerializeToString() != before
    assert here.model.SerializeToString() == before


def test_every_mutator_says_where_it_was_seen_or_nothing():
    for mutator in MUTATORS.values():
        owner, _, number = mutator.seen.partition("#")
        assert not mutator.seen or (owner.count("/") == 1 and number.isdigit()), mutator
    assert sum(bool(mutator.seen) for mutator in MUTATORS.values()) >= 40


# --- equivalence ------------------------------------------------------------------------------


def test_a_bound_that_nothing_reaches_is_equivalent(evidence, original):
    site = next(n.output[0] for n in evidence("classifier").model.graph.node if n.op_type == "Relu")
    mutant = mutate(MUTATORS["relu6 for relu"], evidence("classifier").model, site).model
    found = original("classifier").difference(mutant)
    assert not found.changed
    assert found.size == 0


def test_a_planted_rounding_to_half_is_a_difference(evidence, original):
    """Though the truth of a model does not round where the model casts."""
    mutant = mutate(MUTATORS["output through float16"], evidence("mixer").model, "shares").model
    size = original("mixer").difference(mutant).size
    assert 2**-13 < size < 2**-10


def test_only_what_lies_behind_the_change_is_needed(evidence, original):
    """The difference of a part is that of the whole."""
    from interop.parity.truth.evaluator import Truth

    here = evidence("upscaler")
    mutant = mutate(
        MUTATORS["half_pixel"], here.model, sites(MUTATORS["half_pixel"], here.model)[-1]
    ).model
    whole = Truth(mutant).run(here.sets[1].arrays)["picture"]
    truth = here.truth[1]["picture"]
    expected = np.max(np.abs(whole - truth)) / np.max(np.abs(truth))
    found = original("upscaler").difference(mutant)
    assert found.inputs == here.sets[1].label
    np.testing.assert_allclose(found.size, expected, rtol=1e-12)


# --- faithful variants ------------------------------------------------------------------------


@pytest.mark.parametrize("row", REWRITES, ids=lambda row: row.name)
def test_rewrite_is_faithful(row, evidence, original):
    fits = 0
    for net in OWN:
        here = evidence(net)
        model, count = rewrite(row, here.model)
        if not count:
            continue
        fits += 1
        assert original(net).difference(model, enough=FAITHFUL).size <= FAITHFUL, net
        session = Session(model)
        grade = here.grade([session.run(one) for one in here.sets])
        assert grade.passes, (net, grade.sentence)
    assert fits, "it applies nowhere"


@pytest.mark.parametrize("net", OWN)
@pytest.mark.parametrize("level", ["DISABLE_ALL", "ENABLE_ALL"])
def test_setting_is_faithful(net, level, evidence):
    here = evidence(net)
    session = Session(here.model, Setting(level, 2, "PARALLEL"))
    grade = here.grade([session.run(one) for one in here.sets])
    assert grade.passes, grade.sentence


# --- gates, ledger, figures -------------------------------------------------------------------


def test_the_usual_formulas():
    wanted = {"y": np.linspace(-1, 1, 30, dtype=np.float32).reshape(3, 10)}
    cases = {
        "the same": (wanted["y"], set()),
        "off by 1e-4": (
            wanted["y"] + np.float32(1e-4),
            {"allclose 1e-3, 1e-5", "allclose 1e-5, 1e-8"},
        ),
        "classes exchanged": (wanted["y"][:, ::-1], set(TESTS)),
        "not a number": (np.where(wanted["y"] < 1, wanted["y"], np.nan), set(TESTS) - {"top-1"}),
        "a shape that does not fit": (wanted["y"][:, :3], set(TESTS)),
    }
    for name, (given, expected) in cases.items():
        blamed = {gate for gate, test in TESTS.items() if blames(test, wanted, {"y": given})}
        assert blamed == expected, name
    assert all(blames(test, wanted, {}) for test in TESTS.values())


def test_judged_cases_are_kept_and_counted(evidence, tmp_path):
    """A whole subject without the other tools: rows, what a second run finds done, the figures."""
    here = evidence("quantized")
    subject = SUBJECTS["quantized"]
    cases = plan(subject, here.model, seed=0)
    assert cases == plan(subject, here.model, seed=0)
    assert max(sum(case.name == name for case in cases) for name in MUTATORS) <= subject.sites
    judge, ledger = Judge("quantized", here, None, tmp_path), Ledger(tmp_path / "rows.jsonl")
    for case in cases:
        if case.kind in ("mutant", "rewrite"):
            ledger.add(judge.judge(case))
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write('{"subject": "cut o')
    again = Ledger(tmp_path / "rows.jsonl")
    assert all(again.has(case) for case in cases if case.kind in ("mutant", "rewrite"))
    assert not again.has(cases[-1])
    rows = list(read(tmp_path / "rows.jsonl"))
    ours = next(score for score in scores(rows) if score.gate == OURS and score.inputs == "quick")
    assert ours.mutants == sum(row.status == "changed" for row in rows) > 20
    assert ours.kill_rate > 0.95
    assert ours.alarms == 0 < ours.faithful
    assert by_mutator(rows)["zero point off by one"][OURS] > 0


def _row(blamed: bool, status: str = "changed", exact: tuple[float, float] | None = None) -> Row:
    gates = {OURS: blamed, "top-1": False}
    return Row(
        "m", "mutant", "relu6 for relu", "x", status, blamed=gates, blamed_wide=gates, exact=exact
    )


def test_figures_of_known_rows():
    rows = [_row(True), _row(True), _row(False, exact=(0.5, 50.0)), _row(False, "equivalent")]
    rows += [_row(False, "faithful"), _row(True, "faithful")]
    ours, top1 = (s for s in scores(rows) if s.inputs == "quick")
    assert (ours.killed, ours.mutants, ours.alarms, ours.faithful) == (2, 3, 1, 2)
    assert (ours.kill_rate_above, ours.above) == (1, 2)
    assert (top1.killed, top1.alarms) == (0, 0)
    (survivor,) = survivors(rows, "quick")
    assert (beyond(survivor, "quick"), beyond(survivor, "wide")) == (0.5, 50.0)
    assert len(above_rounding(rows, "wide")) == 3


def test_plot_shows_every_gate():
    import xml.etree.ElementTree as ElementTree

    found = [
        score for score in scores([_row(True), _row(False, "faithful")]) if score.inputs == "quick"
    ]
    tree = ElementTree.fromstring(plot(found, "faults & alarms"))
    circles = [one for one in tree if one.tag.endswith("circle")]
    assert len(circles) == len(found) == 2
    assert float(circles[0].get("cy")) < float(circles[1].get("cy"))  # all faults above none
