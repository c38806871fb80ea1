"""What a check looks at where it is asked to: gradients, and every node by itself."""

from __future__ import annotations

import re
import textwrap

import pytest
from small import network
from typer.testing import CliRunner

import interop
from interop.cli import app
from interop.errors import UsageError


def sides(check, aspect):
    return {one["label"]: one for one in check.document[aspect]}


# --- gradients ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """A model, and the folder of its conversion to JAX."""
    folder = tmp_path_factory.mktemp("converted")
    model = network(folder / "model.onnx")
    assert interop.convert(model, target="jax", output=folder / "jax").passed
    return model, folder / "jax"


def test_gradients_of_who_has_some(converted):
    model, folder = converted
    check = interop.check(model, str(folder), on="onnxruntime:cpu,jax:cpu", gradients=True)
    assert check.passed
    found = sides(check, "gradients")
    assert list(found) == [str(folder), "onnxruntime:cpu", "jax:cpu"]
    for label in (str(folder), "jax:cpu"):
        assert found[label]["passes"]
        assert [one["name"] for one in found[label]["gradients"]] == ["input x", "weight w"]
        assert min(one["effective_bits"] for one in found[label]["gradients"]) > 21
    assert found["onnxruntime:cpu"]["passes"] is None
    assert "not comparable: onnxruntime:cpu runs models" in found["onnxruntime:cpu"]["reason"]


def test_a_gradient_that_is_cut_in_what_was_written(converted):
    """The artifact itself is untouched, and so are its outputs."""
    model, folder = converted
    source = folder / "model.py"
    whole = source.read_text("utf-8")
    cut, count = re.subn(
        r"jnp\.tanh\((\w+)\)",
        r'jnp.tanh(\1 / 2 + __import__("jax").lax.stop_gradient(\1 / 2))',
        whole,
    )
    assert count == 1
    try:
        source.write_text(cut, "utf-8")
        check = interop.check(model, str(folder), gradients=True)
    finally:
        source.write_text(whole, "utf-8")
    assert all(row["passes"] for row in check.rows)
    assert not sides(check, "gradients")[str(folder)]["passes"]
    assert "times what rounding does" in sides(check, "gradients")[str(folder)]["reason"]
    assert check.exit_code == 3


def test_gradients_where_nobody_has_any(model):
    with pytest.raises(UsageError, match="no side of this check has gradients"):
        interop.check(model, on="onnxruntime:cpu,openvino:cpu", gradients=True)


@pytest.mark.slow
def test_torch_is_asked_for_the_model_s_own(tmp_path, monkeypatch):
    (tmp_path / "tiny_torch.py").write_text(
        textwrap.dedent("""
        import torch

        def net():
            torch.manual_seed(0)
            layers = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.GELU(), torch.nn.Linear(8, 3))
            return layers.eval(), (torch.randn(2, 6),)
    """)
    )
    monkeypatch.chdir(tmp_path)
    check = interop.check("tiny_torch:net", on="onnxruntime:cpu", gradients=True)
    own = sides(check, "gradients")["tiny_torch:net itself"]
    assert own["passes"], own
    assert len(own["gradients"]) == 5
    assert own["unmatched"] == []


# --- every node --------------------------------------------------------------------------------


def test_layers_name_the_first_that_leaves_the_floor(model, stubs):
    """The one multiplies whatever it gives by 1.0001, the other is right."""
    check = interop.check(model, on="stub:nudged,stub:none", layers=True)
    found = sides(check, "layers")
    assert found["stub:none"]["passes"]
    assert found["stub:none"]["first"] is None
    bad = found["stub:nudged"]
    assert not bad["passes"]
    assert bad["first"]["operator"] == "MatMul"
    assert [node["operator"] for node in bad["nodes"]] == ["MatMul", "Tanh"]
    assert all(node["bits_lost"] > 5 for node in bad["nodes"])
    assert max(node["bits_lost"] for node in found["stub:none"]["nodes"]) < 2
    assert check.exit_code == 3


def test_layers_are_told_in_the_terminal(model, stubs, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    said = CliRunner().invoke(app, ["check", model, "--on", "stub:nudged", "--layers"])
    assert said.exit_code == 3
    assert "lost on stub:nudged" in said.output
    assert "the first" in next(line for line in said.output.splitlines() if "MatMul" in line)
    good = CliRunner().invoke(app, ["check", model, "--on", "stub:none", "--layers"])
    assert good.exit_code == 0
    assert "all 2 nodes stay within what rounding does" in good.output


def test_a_backend_that_does_not_run_has_no_layers(model, stubs):
    check = interop.check(model, on="stub:refusing", layers=True)
    assert sides(check, "layers")["stub:refusing"]["passes"] is None
    assert check.exit_code == 4
    with pytest.raises(UsageError, match="--layers runs every node on a backend"):
        interop.check(model, model, layers=True)
