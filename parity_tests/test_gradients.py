"""A converted model can be trained on: its gradients are those of the network that it came from."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from interop.models import ZOO

from interop.gradients import TRAINABLE
from interop.graph.canonical import canonicalize
from interop.targets import lower
from interop.workers.tensors import read_tensors, write_tensors

#: Share of the parameters that stand in the converted model as they are, where not all do: batch
#: normalisation is folded into convolutions, and ONNX stacks the gates of recurrent layers. What
#: lies behind them still takes part, through the gradients of what comes before.
KEPT = {"resnet18": 0.03, "resnet50": 0.01, "mobilenet_v2": 0.01, "unet": 0.1, "dcgan": 0.1,
        "keyword_spotter": 0.1, "lstm_classifier": 0.15}  # fmt: skip

#: Largest norm of a difference, relative to the gradient's own.
CLOSE = 1e-4
#: Where rounding turns ReLUs near zero on or off, in deep stacks of them.
COARSE = {"resnet50": 1e-2, "mobilenet_v2": 1e-2, "unet": 1e-2}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def native(open_worker, exported, tmp_path_factory):
    """native(name): folder with torch's own gradients (torch) and what they start from (cotangents)."""
    done = {}

    def make(name):
        if name in done:
            return done[name]
        folder = tmp_path_factory.mktemp(name)
        rng = np.random.default_rng(5)
        outputs = read_tensors(exported(name) / "torch")
        cotangents = {n: rng.standard_normal(a.shape).astype(a.dtype) for n, a in outputs.items()}
        write_tensors(folder / "cotangents", cotangents)
        open_worker("torch", "torch_definitions").call(
            "gradients", definition=ZOO[name].definitions["torch"],
            inputs=str(exported(name) / "in"), cotangents=str(folder / "cotangents"),
            target=str(folder / "torch"),
        )  # fmt: skip
        done[name] = folder
        return folder

    return make


def arrangement(wanted, given):
    """The order of axes in which `given` holds the weight `wanted`; None if it is another."""
    if sorted(wanted.shape) == sorted(given.shape):
        for order in permutations(range(wanted.ndim)):
            if np.array_equal(wanted.transpose(order), given):
                return order
    return None


def compare(ours, theirs):
    """Errors by name, of the inputs and of every weight that both hold; `theirs` is torch's.

    Weights are found by their values: exporters rename those that they transpose. An error is
    relative to the gradient's norm, or to a ten-thousandth of the largest one's: some gradients are zero
    but for rounding (the bias of a key before a softmax).
    """
    kinds = {"input": {}, "weight": {}, "value": {}, "output": {}}
    mine, wanted = ({k: dict(v) for k, v in kinds.items()} for _ in range(2))
    for table, arrays in ((mine, ours), (wanted, theirs)):
        for name, array in arrays.items():
            kind, _, key = name.partition(":")
            table[kind][key] = array
    least = 1e-4 * max(np.linalg.norm(g) for g in wanted["weight"].values())

    def error(gradient, given):
        return float(np.linalg.norm(gradient - given) / max(np.linalg.norm(gradient), least))

    errors = {
        f"input:{key}": error(gradient, mine["input"][key])
        for key, gradient in wanted["input"].items()
    }
    for key, gradient in wanted["weight"].items():
        for name, held in mine["value"].items():
            order = arrangement(wanted["value"][key], held)
            if order is not None and name in mine["weight"]:
                errors[f"weight:{key}"] = error(gradient.transpose(order), mine["weight"][name])
                break
    return errors


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", list(ZOO))
@pytest.mark.parametrize("framework", TRAINABLE)
def test_gradients(framework, name, native, exported, open_worker, tmp_path):
    folder, path = native(name), exported(name) / "model.onnx"
    names = lower(canonicalize(path), framework, tmp_path).dialect.outputs
    cotangents = read_tensors(folder / "cotangents")
    write_tensors(tmp_path / "cotangents", {names[n]: array for n, array in cotangents.items()})
    open_worker(framework).call(
        "gradients", source=str(tmp_path), inputs=str(exported(name) / "in"),
        cotangents=str(tmp_path / "cotangents"), target=str(tmp_path / "gradients"),
    )  # fmt: skip
    ours, theirs = read_tensors(tmp_path / "gradients"), read_tensors(folder / "torch")
    errors = compare(ours, theirs)
    floats = sum(key.startswith("input:") for key in theirs)
    weights = sum(key.startswith("weight:") for key in theirs)
    compared = len(errors) - floats
    close = COARSE.get(name, CLOSE)
    print(f"{name}: {compared} of {weights} weights, worst {max(errors.values()):.1e}")
    wrong = {key: value for key, value in errors.items() if value > close}
    assert not wrong
    assert compared >= KEPT.get(name, 0.95) * weights
    spoilt = {k: v if k.startswith("value:") else v * np.float32(1.02) for k, v in ours.items()}
    assert max(compare(spoilt, theirs).values()) > close
