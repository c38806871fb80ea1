"""The standard's own cases, lowered to each framework and run there.

Every plain-tensor case of the suite takes part twice: as it is given, with weights as inputs of the
graph, and with all inputs but the first as constants, as real models have them (`<name>::constant`).
Those that are known not to pass stand in `limits/<framework>.tsv` with what happens to them (`known`
says how, and why); one that is not listed must pass, and one that is listed must not: an unexpected
pass fails, so that the list stays true.
INTEROP_CASES=pattern runs only the cases whose names match, and judges nothing else.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import known
import numpy as np
import onnx
import onnx_ir as ir
import pytest
from known import WRITING
from safetensors.numpy import save_file
from suite import (
    judge,
    light_cases,
    plain_cases,
    with_constants,
    with_initializers,
    with_logits,
)
from values import read_values, write_values

from interop.errors import InteropError
from interop.graph.canonical import canonicalize
from interop.graph.decompositions.narrow import HELD
from interop.targets import KINDS, to_source

HERE = Path(__file__).parent

#: Those whose source a guest below guests/ can run, `<framework>_sources`, and that have a list.
FRAMEWORKS = [
    name
    for name in KINDS
    if (HERE.parent / "guests" / f"{name}_sources.py").exists()
    and (WRITING or (known.FOLDER / f"{name}.tsv").exists())
]

#: Share of the cases as given that has to pass, where a framework has all that the standard needs.
#: A Keras functional model is a static graph of layers: no loops, no shapes that follow from data.
#: Caffe has layers of images in float32: half of the cases are of other dtypes, or of no such operator.
REQUIRED = {
    "tensorflow": 0.98,
    "torch": 0.98,
    "jax": 0.98,
    "keras": 0.96,
    "mxnet": 0.8,
    "theano": 0.85,
    "caffe2": 0.4,
    "caffe": 0.14,
}

#: Light networks that are held by their logits alone. Those are 1e10, where one unit in the last place
#: is 1024. XLA subtracts the maximum from a mean that it does not round (a fused multiply-add, on
#: processors that have it): half a unit above the maximum, the exponential overflows.
LIGHT_LOGITS = {"caffe": {"light_squeezenet"}, "jax": {"light_squeezenet"}}

#: Those that keep weights, and have nowhere to put what is computed in place of them.
WEIGHTS_ARE_GIVEN = ("caffe",)

pytestmark = pytest.mark.slow


def chosen_cases():
    pattern = os.environ.get("INTEROP_CASES", "")
    for case in plain_cases():
        for variant in (case, with_constants(case)):
            if variant is not None and re.search(pattern, variant.name):
                yield variant


def prepare(case, kind, target):
    """Write the source and inputs of one case; returns "" or why it cannot be lowered."""
    target.mkdir(parents=True)
    onnx.save(case.model, target / "case.onnx")
    try:
        model = canonicalize(target / "case.onnx")
        names = [value.name for value in model.graph.inputs]
        source = to_source(model, kind)
    except InteropError as error:
        reason = error.message.replace(str(target), "").splitlines()[-1].strip()
        return " ".join(reason.split(": ", 1)[-1].split())[:160]
    (target / kind.source).write_text(source.text)
    (target / "outputs.json").write_text(json.dumps(list(source.outputs.values())))
    save_file(source.weights, target / "weights.safetensors")
    values = [held(value, kind) for value in case.inputs]
    given = dict(zip((v.name for v in case.model.graph.input), values, strict=False))
    write_values(target / "in", {source.inputs[name]: given[name] for name in names})
    return ""


def held(value, kind):
    """A value as the target holds it, where it lacks the narrow type."""
    if not isinstance(value, np.ndarray) or value.dtype.isbuiltin == 1:
        return value
    narrow = ir.DataType.from_numpy(value.dtype)
    lacks = narrow in HELD and narrow.name not in kind.narrow
    return value.astype(HELD[narrow].numpy()) if lacks else value


def run(cases, framework, worker, scratch):
    """Each case's name → "" where it passes, else why not. What a hundred of them wrote goes at once."""
    outcome = {}
    for start in range(0, len(cases), 100):
        part = cases[start : start + 100]
        folders = {case.name: scratch / case.name.replace("::", "__") for case in part}
        for case in part:
            outcome[case.name] = prepare(case, KINDS[framework], folders[case.name])
        ready = [case for case in part if not outcome[case.name]]
        answer = worker.call("run_sources", folders=[str(folders[case.name]) for case in ready])
        for case, message in zip(ready, answer["messages"], strict=True):
            short = " ".join(message.replace(str(scratch), "").split())[:160]
            given = [] if short else list(read_values(folders[case.name] / "out").values())
            wanted = tuple(held(value, KINDS[framework]) for value in case.outputs)
            outcome[case.name] = short or judge(replace(case, outputs=wanted), given)
        for folder in folders.values():
            shutil.rmtree(folder)
    return outcome


#: Building a functional model takes Keras half a second, XLA compiles each of JAX's cases, Theano's graphs
#: are run in Python, those of Caffe and Caffe2 are mostly refused, and all together take fifteen minutes:
#: a part runs, and with `-m long` all. No even number: cases as given and with constants take turns. Not
#: MXNet: its errors come late, so that in another order a case is blamed for the one before it.
EVERY = {
    "caffe": 7, "caffe2": 7, "jax": 5, "keras": 13, "tensorflow": 3, "theano": 7, "torch": 3
}  # fmt: skip
WHOLE = [
    pytest.param(name, 1, marks=pytest.mark.long if name in EVERY and not WRITING else (), id=name)
    for name in FRAMEWORKS
]
#: The same networks take the same lowerings as in TensorFlow, or a smaller table.
#: Theano runs here without a compiler, where images take it hours; Caffe2 computes no weights in its net.
LIGHT = [
    pytest.param(
        name,
        marks=pytest.mark.long if name in ("caffe", "keras", "mxnet") else (),
        id=name,
    )
    for name in FRAMEWORKS
    if name not in ("caffe2", "theano")
]
PARTS = [
    pytest.param(name, EVERY[name], id=f"part of {name}") for name in FRAMEWORKS if name in EVERY
]


@pytest.mark.timeout(3000)
@pytest.mark.parametrize(("framework", "every"), [*WHOLE, *([] if WRITING else PARTS)])
def test_conformance(framework, every, open_worker, tmp_path):
    cases = list(chosen_cases())[::every]
    with open_worker(framework, f"{framework}_sources") as worker:
        outcome = run(cases, framework, worker, tmp_path)
    failed = {name: reason for name, reason in outcome.items() if reason}
    given = [name for name in outcome if "::" not in name]
    passed = sum(name not in failed for name in given)
    print(f"{framework}: {passed} of {len(given)} cases pass as given,", end=" ")
    print(f"{len(outcome) - len(failed) - passed} of {len(outcome) - len(given)} with constants")
    print(Counter(reason.split("'")[0][:60] for reason in failed.values()).most_common(12))
    if "INTEROP_CASES" in os.environ:
        print("\n".join(f"{name}\t{reason}" for name, reason in sorted(failed.items())))
        return
    known.hold(outcome, framework, whole=every == 1)
    assert len(given) > 1750 / every * 0.9
    assert passed / len(given) >= REQUIRED[framework]


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("framework", LIGHT)
def test_light_models(framework, open_worker, tmp_path):
    """Whole networks, with weights that are computed and with weights that are given."""
    outcome = {}
    with open_worker(framework, f"{framework}_sources") as worker:
        for case in light_cases():
            case = with_logits(case, only=case.name in LIGHT_LOGITS.get(framework, ()))
            variants = (case, with_initializers(case))
            for variant in variants[framework in WEIGHTS_ARE_GIVEN :]:
                outcome.update(run([variant], framework, worker, tmp_path))
    assert len(outcome) >= (8 if framework in WEIGHTS_ARE_GIVEN else 16)
    assert {name: reason for name, reason in outcome.items() if reason} == {}
