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
from interop.workers.tensors import read_tensors, write_tensors

TRANSFORMERS = ("bert", "gpt", "vit")
VISION = ("resnet18", "resnet50", "mobilenet_v2", "unet", "vit", "dcgan")


def inputs_of(entry, seed=0):
    """One drawn set of inputs, batch 2."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for one in entry.inputs:
        shape = [2 if d == "batch" else entry.sizes.get(d, d) for d in one.shape]
        if one.below is not None:
            arrays[one.name] = rng.integers(0, one.below, shape)
            if one.below == 2:
                arrays[one.name][:, 0] = 1  # a mask that hides everything is no sentence
        else:
            arrays[one.name] = rng.standard_normal(shape).astype(one.dtype)
    return arrays


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


@pytest.fixture(scope="module")
def torch_worker(open_worker):
    return open_worker("torch")


def both(name, framework, torch_worker, native, folder, spoil=False):
    """Outputs of the definitions in torch and in `framework`, on the same inputs."""
    entry = ZOO[name]
    write_tensors(folder / "in", inputs_of(entry))
    specs = [{"name": i.name, "dtype": i.dtype, "shape": list(i.shape)} for i in entry.inputs]
    torch_worker.call(
        "load_and_export", reference=entry.definitions["torch"], path=str(folder / "m.onnx"),
        inputs=specs, outputs=list(entry.outputs), sizes=dict(entry.sizes), trust=False,
    )  # fmt: skip
    torch_worker.call("run", inputs=[str(folder / "in")], outputs=[str(folder / "torch")])
    native(framework).call(
        "run_definition", definition=entry.definitions[framework], inputs=str(folder / "in"),
        outputs=str(folder / framework), spoil=spoil,
    )  # fmt: skip
    return read_tensors(folder / "torch"), read_tensors(folder / framework)


def difference(a, b):
    """Root mean square of the difference, relative to that of `a`."""
    return float(
        np.sqrt(np.mean((a.astype(np.float64) - b) ** 2) / np.mean(a.astype(np.float64) ** 2))
    )


@pytest.mark.slow
@pytest.mark.parametrize("framework", ["keras", "jax"])
@pytest.mark.parametrize("name", ZOO)
def test_definitions_agree(name, framework, torch_worker, native, tmp_path):
    in_torch, in_other = both(name, framework, torch_worker, native, tmp_path)
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
def test_a_changed_weight_is_seen(framework, torch_worker, native, tmp_path):
    in_torch, in_other = both("dlrm", framework, torch_worker, native, tmp_path, spoil=True)
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
@pytest.mark.parametrize("name", ZOO)
def test_converts_to_a_program_with_open_sizes(name, target, tmp_path):
    done = interop.convert(name, source="torch", target=target, output=tmp_path / "out")
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
