"""The zoo: its definitions agree across frameworks, and every one of them converts."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from interop.models import ALIASES, ZOO, find
from safetensors import safe_open

import interop
from interop.errors import UsageError
from interop.workers.tensors import read_tensors

TRANSFORMERS = ("bert", "gpt", "vit")
#: resnet50 is resnet18 with more of the same.
QUICK = [pytest.param(n, marks=pytest.mark.long if n == "resnet50" else ()) for n in ZOO]
VISION = ("resnet18", "resnet50", "mobilenet_v2", "unet", "vit", "dcgan")


def test_the_table_is_whole():
    for name, entry in ZOO.items():
        assert entry.name == name
        assert set(entry.definitions) >= {"torch", "keras", "jax", "mxnet"}
        words = {d for i in entry.inputs for d in i.shape if isinstance(d, str)} - {"batch"}
        assert words == set(entry.sizes)
    assert set(ALIASES.values()) <= set(ZOO)
    assert not set(ALIASES) & set(ZOO)


def test_unknown_names_get_suggestions():
    assert find("resnet") is ZOO["resnet50"]
    with pytest.raises(UsageError) as caught:
        find("mobilnet")
    assert "mobilenet" in caught.value.hint


@pytest.mark.parametrize(
    "module", ["interop", "interop.cli", "interop.models", "interop.conversion"]
)
def test_the_host_imports_no_framework(module):
    code = (
        f"import sys, {module}; "
        "print(sorted({'torch', 'tensorflow', 'keras', 'jax', 'mxnet'} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_listing_the_zoo_imports_nothing_heavy():
    code = "import sys, interop.models; print('numpy' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"


@pytest.fixture(scope="module")
def native(open_worker):
    """native(framework): a worker that runs the zoo's definitions in it."""
    guests = {"keras": ("tensorflow", "keras_definitions"), "jax": ("jax", "jax_definitions")}
    return lambda framework: open_worker(*guests[framework])


def run_native(name, framework, native, exported, out, spoil=False):
    """What the definition in `framework` makes of the inputs that torch had."""
    native(framework).call(
        "run_definition", definition=ZOO[name].definitions[framework],
        inputs=str(exported(name) / "in"), outputs=str(out), spoil=spoil,
    )  # fmt: skip
    return read_tensors(out)


def difference(a, b):
    """Root mean square of the difference, relative to that of `a`."""
    return float(
        np.sqrt(np.mean((a.astype(np.float64) - b) ** 2) / np.mean(a.astype(np.float64) ** 2))
    )


@pytest.mark.slow
@pytest.mark.parametrize("framework", ["keras", "jax"])
@pytest.mark.parametrize("name", ZOO)
def test_definitions_agree(name, framework, native, exported, tmp_path):
    in_torch = read_tensors(exported(name) / "torch")
    in_other = run_native(name, framework, native, exported, tmp_path / "out")
    assert list(in_torch) == list(ZOO[name].outputs)
    for output, expected in in_torch.items():
        assert in_other[output].shape == expected.shape
        assert difference(expected, in_other[output]) < 1e-5
        # Neither vanished nor saturated, and not the same for every row.
        assert np.isfinite(expected).all()
        assert 0.01 < expected.std() < 30
        assert np.abs(expected[0] - expected[1]).max() > 1e-3 * expected.std()


@pytest.mark.slow
@pytest.mark.parametrize("framework", ["keras", "jax"])
def test_a_changed_weight_is_seen(framework, native, exported, tmp_path):
    in_torch = read_tensors(exported("dlrm") / "torch")
    in_other = run_native("dlrm", framework, native, exported, tmp_path / "out", spoil=True)
    assert difference(in_torch["probability"], in_other["probability"]) > 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_converts_to_tensorflow(name, tmp_path):
    done = interop.convert(name, source="torch", target="tf", output=tmp_path / "out")
    assert done.passed, done.manifest["rule"]["sentence"]
    assert min(done.manifest["parity"]["effective_bits"].values()) >= 21
    if name in VISION:
        # Attention splits and joins its heads by transposing, in any framework: five a layer.
        allowed = 2 if name != "vit" else 2 + 5 * 6
        assert done.manifest["target"]["graph"]["transposes"] <= allowed
    dynamic = [spec["shape"][0] for spec in done.manifest["signature"]["inputs"]]
    assert set(dynamic) == {"batch"}


@pytest.mark.slow
@pytest.mark.parametrize("target", ["torch", "jax"])
@pytest.mark.parametrize("name", QUICK)
def test_converts_to_a_program_with_open_sizes(name, target, exported, tmp_path):
    model = str(exported(name) / "model.onnx")
    done = interop.convert(model, target=target, output=tmp_path / "out")
    assert done.grade == "A", done.manifest["rule"]["sentence"]
    assert min(done.manifest["parity"]["effective_bits"].values()) >= 21
    graph = done.manifest["target"]["graph"]
    words = {d for s in done.manifest["signature"]["inputs"] for d in s["shape"] if type(d) is str}
    assert graph["program"]
    assert set(graph["dynamic"]) == words
    assert not graph["fixed"]
    assert not list((tmp_path / "out").rglob("*.pyc"))
    if name in TRANSFORMERS:
        # Under the names that torch has for them; its exporter transposes and numbers some.
        with safe_open(tmp_path / "out" / "weights.safetensors", framework="numpy") as file:
            names = file.keys()
        assert not [name for name in names if name.startswith("val_")]
