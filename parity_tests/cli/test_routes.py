"""`interop routes`: the ways, what is limited on them, and why one cannot be gone."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from itertools import product

import pytest

from interop import frameworks
from interop.backends.table import runtimes
from interop.coverage import NONE, coverage
from interop.errors import EnvironmentUnavailable, UsageError
from interop.frameworks import FRAMEWORKS, able
from interop.routes import all_routes, find_homes, route, way
from interop.targets import KINDS


def interop(*arguments):
    done = subprocess.run(
        [sys.executable, "-P", "-m", "interop", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(name="homes", scope="module")
def where_everything_runs():
    return find_homes()


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_every_framework_says_how_it_is_reached(name):
    for role in ("source", "target"):
        found = way(name, role)
        if role in FRAMEWORKS[name].roles:
            assert found.by
            assert all(limit.what for limit in found.limits)
        else:
            assert found.instead, f"what to do without {name} as a {role}"


@pytest.mark.parametrize("name", KINDS)
def test_operators_that_a_limit_names_are_refused(name):
    """And so a limit that has gone is noticed."""
    covered = {row.operator for row in coverage() if row.ways[name] != NONE}
    standard = {row.operator for row in coverage()}
    named = {one for limit in way(name, "target").limits for one in limit.operators}
    assert named <= standard
    assert not named & covered


def test_one_way(homes):
    found = route("mxnet", "cntk", homes)
    assert [step.framework for step in found.steps] == ["mxnet", "", "", "cntk", "onnx"]
    assert "mx.onnx" in found.steps[0].by
    assert any("float32 only" in limit.what for limit in found.limits["into cntk"])
    assert {home.framework for home in found.homes} == {"mxnet", "cntk", "onnx"}
    done = interop("routes", "gluon", "CNTK", "--json")
    assert json.loads(done.stdout) == json.loads(json.dumps(found.to_json()))
    assert done.returncode == (6 if found.state == "unavailable" else 0)


def test_all_pairs(homes):
    found = all_routes(homes)
    pairs = {(one.source, one.target) for one in found}
    assert pairs == set(product(able("source"), able("target")))
    done = interop("routes")
    assert done.returncode == 0
    heading, *rows = done.stdout.splitlines()
    assert all(FRAMEWORKS[name].short in heading for name in able("target"))
    assert [row.split()[0] for row in rows[: len(able("source"))]] == [
        FRAMEWORKS[name].short for name in able("source")
    ]


def test_what_has_no_way_back(homes):
    found = route("torch", "openvino", homes)
    assert isinstance(found.error, UsageError)
    assert found.state == "none"
    assert all(target != "openvino" for _, target in found.nearest)
    done = interop("routes", "torch", "openvino")
    assert done.returncode == 2
    assert "not possible yet" in done.stderr
    assert "torch → " in done.stderr


def test_onnx_itself_is_written_without_source(homes):
    found = route("keras", "onnx", homes)
    assert [step.framework for step in found.steps] == ["keras", "", "", "onnx"]
    assert found.steps[2].what.startswith("model.onnx")


def test_what_this_machine_cannot_run(homes):
    gone = replace(homes["cntk"], state="unavailable", reason="needs a Python <3.7", hint="get it")
    found = route("torch", "cntk", {**homes, "cntk": gone})
    assert isinstance(found.error, EnvironmentUnavailable)
    assert (found.error.exit_code, found.error.message) == (6, "needs a Python <3.7")
    assert found.state == "unavailable"
    assert found.nearest
    assert all("cntk" not in pair for pair in found.nearest)
    assert found.nearest[0][0] == "torch"  # the source is what one has


def test_half_a_way_and_unknown_ends():
    assert interop("routes", "torch").returncode == 2
    done = interop("routes", "torch", "tensorflwo")
    assert done.returncode == 2
    assert "did you mean tensorflow?" in done.stderr


def test_our_rows_are_what_a_plugin_would_give():
    for name, row in FRAMEWORKS.items():
        assert name == row.name
        assert ("target" in row.roles) == (row.kind is not None)
        assert row.roles == {"backend"} or (row.folder / "guest.py").is_file()
    for runtime in runtimes().values():
        assert all(find_spec(place.module) is not None for place in runtime.places)
    words = [w for row in FRAMEWORKS.values() for w in (row.name, *row.aliases, *row.endings)]
    assert len(words) == len(set(words))
    assert frameworks.known().keys() >= FRAMEWORKS.keys()
