"""Environments: which interpreter serves, and that making one ends in all or nothing.

The framework here is a fake one, in wheels made by the tests, so nothing needs the network.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from interop import environments, errors, frameworks
from interop.environments import Store, builder, interpreters, recipe, running
from interop.environments.interpreters import Interpreter

# Where told to, it says that it is being imported, and dawdles: the moment to be killed in.
MODULE = """
import os, time
mark = os.environ.get("INTEROP_TEST_DAWDLE")
if mark:
    with open(mark + ".part", "w") as file:
        file.write(str(os.getpid()))
    os.rename(mark + ".part", mark)
    time.sleep(600)
"""
ENVIRONMENT = """
python = ">=3.11"
lock_python = "3.11"
modules = ["fakeframe"]
package = "fakeframe"
provided_by = ["fakeframe-lite", "fakeframe"]
requires = ["fakeframe>=1.1"]
"""
SCRIPT = """
import json, sys
from pathlib import Path
from interop.environments import Store
messages = []
store = Store(Path(sys.argv[1]), Path(sys.argv[2]))
made = store.provide("fake", on_progress=lambda f, m: messages.append(m))
print(json.dumps({"path": str(made.path), "version": made.version, "messages": messages}))
"""


def write_wheel(folder: Path, version: str) -> None:
    info = f"fakeframe_lite-{version}.dist-info"
    files = {
        "fakeframe.py": MODULE,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: fakeframe-lite\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    name = folder / f"fakeframe_lite-{version}-py3-none-any.whl"
    with zipfile.ZipFile(name, "w") as wheel:
        for path, text in (*files.items(), (f"{info}/RECORD", record)):
            wheel.writestr(path, text)


@pytest.fixture(autouse=True)
def _own_index(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels = tmp_path_factory.getbasetemp() / "wheels"
    if not wheels.exists():
        wheels.mkdir()
        for version in ("1.0", "1.1.0", "1.1.1", "1.2"):
            write_wheel(wheels, version)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))


@pytest.fixture(name="store")
def empty_store(tmp_path: Path) -> Store:
    home = tmp_path / "recipes" / "fake"
    home.mkdir(parents=True)
    (home / "environment.toml").write_text(ENVIRONMENT)
    pin(tmp_path / "recipes", "1.1.1")
    return Store(tmp_path / "cache", tmp_path / "recipes")


def pin(recipes: Path, version: str) -> None:
    (recipes / "fake" / "lock.txt").write_text(f"# pins\nfakeframe-lite=={version}\n")


def start(store: Store, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-c", SCRIPT, str(store.root), str(store.recipes)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
    )


def left_over(store: Store) -> list[str]:
    """What is in the cache beside locks."""
    return sorted(path.name for path in store.root.glob("*") if path.suffix != ".lock")


def wait_for(mark: Path) -> int:
    deadline = time.monotonic() + 60
    while not mark.exists():
        assert time.monotonic() < deadline, "pip never came to the point"
        time.sleep(0.02)
    return int(mark.read_text())


def assert_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() if Path("/proc").exists() else _signalled(pid):
        assert time.monotonic() < deadline, f"{pid} still runs"
        time.sleep(0.02)


def _signalled(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_made_once_then_reused_listed_and_removed(store: Store) -> None:
    seen: list[tuple[float | None, str]] = []
    made = store.provide("fake", on_progress=lambda f, m: seen.append((f, m)))
    assert (made.kind, made.version, made.packages["fakeframe-lite"]) == ("made", "1.1.1", "1.1.1")
    assert seen[0] == (0.0, "making a virtual environment")
    assert seen[-1] == (1.0, "done")
    fractions = [fraction for fraction, _ in seen if fraction is not None]
    assert fractions == sorted(fractions)
    assert subprocess.run([made.interpreter, "-c", "import fakeframe"], check=False).returncode == 0

    record = (made.path / "environment.json").read_bytes()
    again: list[str] = []
    assert store.provide("fake", on_progress=lambda f, m: again.append(m)) == made
    assert again == []
    assert (made.path / "environment.json").read_bytes() == record

    (listed,) = store.list()
    assert (listed.path, listed.stale, listed.broken) == (made.path, False, False)
    assert listed.record.seconds > 0
    assert listed.record.bytes > 1_000_000
    pin(store.recipes, "1.2")
    assert store.list()[0].stale
    rebuilt = store.provide("fake")
    assert rebuilt.version == "1.2"
    assert rebuilt.path != made.path
    assert [entry.stale for entry in store.list()] == [True, False]

    assert store.remove(made.path.name).record.version == "1.1.1"
    assert left_over(store) == [rebuilt.path.name]
    with pytest.raises(errors.EnvironmentUnavailable, match="no environment"):
        store.remove(made.path.name)
    with pytest.raises(errors.EnvironmentUnavailable, match="no environment"):
        store.remove("../recipes")

    # A Python that was uninstalled takes the environment with it; it is made anew.
    python = rebuilt.interpreter
    python.unlink()
    python.symlink_to("/nowhere/python")
    assert store.list()[0].broken
    assert store.provide("fake").interpreter.exists()
    assert not store.list()[0].broken


def test_another_version_beside_the_locked_one(store: Store) -> None:
    made = store.create("fake", "1.2")
    assert made.version == "1.2"
    assert not store.list()[0].stale
    assert store.ready("fake") is None
    assert store.ready("fake", "1.2") == made
    with pytest.raises(errors.EnvironmentUnavailable, match=r"fake 1\.0 is not supported") as error:
        store.create("fake", "1.0")
    assert "fakeframe>=1.1" in error.value.hint


def test_two_commands_at_the_same_time_make_one(store: Store) -> None:
    commands = [start(store), start(store)]
    results = [json.loads(command.communicate(timeout=120)[0]) for command in commands]
    assert results[0]["path"] == results[1]["path"]
    builders = ["making a virtual environment" in result["messages"] for result in results]
    assert sorted(builders) == [False, True]
    waiting = results[builders.index(False)]["messages"]
    assert waiting in ([], ["waiting for another command that is making this environment"])
    assert left_over(store) == [Path(results[0]["path"]).name]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_stopped_half_way(store: Store, tmp_path: Path, end: signal.Signals) -> None:
    mark = tmp_path / "importing"
    command = start(store, INTEROP_TEST_DAWDLE=str(mark))
    importing = wait_for(mark)
    assert left_over(store)[0].startswith(".partial-")
    assert store.list() == ()
    command.send_signal(end)
    command.communicate(timeout=30)
    assert command.returncode == -end
    assert_gone(importing)
    if end == signal.SIGINT:
        assert left_over(store) == []
    made = store.provide("fake")
    assert left_over(store) == [made.path.name]


def test_what_a_killed_command_left_goes_when_the_pins_have_changed(store: Store) -> None:
    (store.root / ".partial-fake-0.9-py311-0123456789" / "lib").mkdir(parents=True)
    made = store.provide("fake")
    assert left_over(store) == [made.path.name]


def test_pip_fails(store: Store) -> None:
    pin(store.recipes, "9.9")
    with pytest.raises(errors.EnvironmentUnavailable, match="cannot install fake for Python") as e:
        store.provide("fake")
    assert "No matching distribution found for fakeframe-lite==9.9" in e.value.detail
    assert "no such version" in e.value.hint
    assert left_over(store) == []


def test_what_is_installed_cannot_be_imported(store: Store) -> None:
    home = store.recipes / "fake" / "environment.toml"
    home.write_text(ENVIRONMENT.replace('["fakeframe"]', '["fakeframe", "absent"]'))
    with pytest.raises(errors.EnvironmentUnavailable, match="cannot be imported") as error:
        store.provide("fake")
    assert "No module named 'absent'" in error.value.detail
    assert left_over(store) == []


def test_full_disk(store: Store) -> None:
    inside = f'mount -t tmpfs -o size=6m tmpfs {store.root} && exec "$@"'
    store.root.mkdir()
    private = ["unshare", "-rm", "sh", "-c"]
    probe = [*private, inside, "sh", "true"]
    if not shutil.which("unshare") or subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("mounts of one's own are not allowed here")
    script = SCRIPT.replace(
        "made = ", "from interop.errors import EnvironmentUnavailable\ntry:\n  "
    )
    script = script.partition("\nprint")[0] + (
        "\nexcept EnvironmentUnavailable as error:\n"
        "  print(error.hint, [p.name for p in store.root.glob('.partial*')])"
    )
    command = [sys.executable, "-P", "-c", script, str(store.root), str(store.recipes)]
    done = subprocess.run([*private, inside, "sh", *command], capture_output=True, text=True)
    assert done.stdout.startswith("the disk is full: make room, or set INTEROP_CACHE_DIR")
    assert done.stdout.strip().endswith("[]")


def test_cache_folder_that_cannot_be_used(store: Store) -> None:
    store.root.write_text("a file")
    with pytest.raises(errors.EnvironmentUnavailable, match="cannot use the cache folder") as error:
        store.provide("fake")
    assert "INTEROP_CACHE_DIR" in error.value.hint


def test_no_python_will_do(store: Store) -> None:
    home = store.recipes / "fake" / "environment.toml"
    home.write_text(ENVIRONMENT.replace(">=3.11", ">=3.99").replace("3.11", "3.99"))
    with pytest.raises(errors.EnvironmentUnavailable, match=r"needs a Python >=3\.99") as error:
        store.provide("fake")
    assert "uv python install 3.99" in error.value.hint
    assert ".".join(map(str, sys.version_info[:3])) in error.value.message


def test_made_for_the_oldest_python(store: Store) -> None:
    """With the pip that it came with: the old frameworks need Pythons down to 3.6."""
    if not any(python.short == "3.6" for python in interpreters.find_interpreters()):
        pytest.skip("there is no Python 3.6 here")
    home = store.recipes / "fake" / "environment.toml"
    home.write_text(ENVIRONMENT.replace(">=3.11", "==3.6.*"))
    made = store.provide("fake")
    assert made.version == "1.1.1"
    assert "-py36-" in made.path.name
    script = "import sys, fakeframe; print(sys.version_info[:2])"
    command = [made.interpreter, "-E", "-c", script]
    assert subprocess.run(command, capture_output=True, text=True).stdout.strip() == "(3, 6)"


def test_no_recipe(store: Store) -> None:
    with pytest.raises(errors.EnvironmentUnavailable, match="absent has no recipe"):
        store.provide("absent")


def test_the_running_interpreter_serves(store: Store) -> None:
    packages = running.installed_packages()
    home = store.recipes / "fake" / "environment.toml"
    home.write_text(ENVIRONMENT.replace('"fakeframe-lite", "fakeframe"', '"pytest"'))
    served = store.provide("fake")
    assert (served.kind, served.interpreter) == ("running", Path(sys.executable))
    assert served.version == packages["pytest"]
    assert left_over(store) == []
    assert store.serving("fake", "0.1") is None


@pytest.mark.parametrize(
    ("packages", "version", "reasons"),
    [
        ({"fakeframe": "1.1"}, None, []),
        ({"fakeframe-lite": "1.5+cpu"}, "1.5", []),
        ({"fakeframe": "1.5.1"}, "1.5", []),
        ({"fakeframe": "1.5.1"}, "1.5.0", ["fakeframe 1.5.1 is not ==1.5.0,>=1.1"]),
        ({"fakeframe": "1.0"}, None, ["fakeframe 1.0 is not >=1.1"]),
        ({}, None, ["fakeframe is not installed"]),
    ],
)
def test_what_is_missing(
    store: Store, packages: dict[str, str], version: str | None, reasons: list[str]
) -> None:
    assert running.missing(store.recipe("fake"), version, packages) == reasons


def found(version: tuple[int, int, int], source: str, able: bool = True) -> Interpreter:
    return Interpreter(Path("/x"), version, source, able)


@pytest.mark.parametrize(
    ("pythons", "expected"),
    [
        ([found((3, 12, 0), "running"), found((3, 11, 0), "pyenv")], (3, 12, 0)),
        ([found((3, 9, 0), "running"), found((3, 12, 0), "uv"), found((3, 11, 1), "PATH")],
         (3, 11, 1)),
        ([found((3, 9, 0), "running"), found((3, 11, 0), "PATH", False), found((3, 12, 0), "uv")],
         (3, 12, 0)),
        ([found((3, 9, 0), "running")], None),
    ],
)  # fmt: skip
def test_choice(pythons: list[Interpreter], expected: tuple[int, int, int] | None) -> None:
    chosen = interpreters.choose(tuple(pythons), SpecifierSet(">=3.11"), "3.11")
    assert (chosen.version if chosen else None) == expected


def test_interpreters_are_found_where_they_are_kept(tmp_path: Path) -> None:
    real = os.path.realpath(sys.executable)
    others = {
        ".pyenv/versions/3.8.1/bin/python": "3.8.1",
        "miniforge3/envs/py39/bin/python": "3.9.2",
        ".local/share/uv/python/cpython-3.10.4/bin/python3": "3.10.4",
        "bin/python3.12": "3.12.5",
        "old/bin/python3": "2.7.18",
    }
    for name, version in others.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        facts = {"executable": str(path), "version": list(map(int, version.split("."))), "venv": 1}
        path.write_text(f"#!/bin/sh\necho '{json.dumps(facts)}'\n")
        path.chmod(0o755)
    broken = tmp_path / "bin" / "python3.13"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    (tmp_path / "bin" / "python3").symlink_to(real)
    shims = tmp_path / ".pyenv" / "shims"
    shims.mkdir()
    (shims / "python3.13").symlink_to(tmp_path / "bin" / "python3.12")
    path = os.pathsep.join(map(str, (shims, tmp_path / "bin", tmp_path / "old/bin", "/absent", "")))
    listed = interpreters.find_interpreters({"PATH": path}, tmp_path)
    assert listed[0].source == "running"
    assert listed[0].version == sys.version_info[:3]
    # the link to the running one adds nothing; 2.7 is too old; /opt/conda may have others
    ours = [i for i in listed if tmp_path in i.path.parents]
    assert [(i.full, i.source) for i in ours] == [
        ("3.12.5", "PATH"),
        ("3.10.4", "uv"),
        ("3.9.2", "conda"),
        ("3.8.1", "pyenv"),
    ]


@pytest.mark.parametrize(
    ("version", "inside", "outside"),
    [
        ("2.11", ["2.11.0", "2.11.3+cpu"], ["2.1.1", "2.12.0"]),
        ("2.11.0", ["2.11.0", "2.11.0+cpu"], ["2.11.1"]),
        ("2", ["2.11.0"], ["3.0"]),
        ("2.14.0rc1", ["2.14.0rc1"], ["2.14.0"]),
    ],
)
def test_versions(version: str, inside: list[str], outside: list[str]) -> None:
    specifier = recipe.matching(version)
    assert all(specifier.contains(v, prereleases=True) for v in inside)
    assert not any(specifier.contains(v, prereleases=True) for v in outside)


@pytest.mark.parametrize("framework", frameworks.FRAMEWORKS)
def test_every_framework_has_a_whole_recipe(framework: str) -> None:
    """The lock is exact, pins all that is required, and meets the ranges that let others serve."""
    facts = recipe.load_recipe(framework, frameworks.FRAMEWORKS[framework].folder)
    pinned = {}
    for requirement in map(recipe.Requirement, facts.lock):
        (specifier,) = requirement.specifier
        assert specifier.operator == "=="
        assert "+" not in specifier.version  # a local build's name is not on every index
        if requirement.marker is None or requirement.marker.evaluate():
            pinned[recipe.canonicalize_name(requirement.name)] = specifier.version
    wrong = running.missing(facts, facts.locked_version, pinned)
    assert [reason for reason in wrong if not reason.startswith("Python")] == []
    assert recipe.canonicalize_name(facts.provider) in pinned
    assert facts.python.contains(facts.lock_python)
    assert facts.requirements(None) == facts.requirements(facts.locked_version) == facts.lock


@pytest.mark.parametrize(
    ("output", "hint"),
    [
        ("ERROR: Could not install: [Errno 28] No space left on device", builder.DISK),
        ("Failed to establish a new connection: NewConnectionError", builder.NETWORK),
        ("ERROR: ResolutionImpossible", "this version cannot stand beside the rest"),
    ],
)
def test_advice(output: str, hint: str) -> None:
    assert builder.advise(output) == hint


@pytest.mark.parametrize(
    ("text", "framework", "version"),
    [
        ("torch", "torch", None),
        ("TF", "tensorflow", None),
        ("torch@2.11", "torch", "2.11"),
        ("onnxruntime@1.20.0", "onnxruntime", "1.20.0"),
        ("ort", "onnxruntime", None),
    ],
)
def test_names(text: str, framework: str, version: str | None) -> None:
    assert frameworks.parse(text) == frameworks.Wanted(framework, version)


def test_the_default_store_is_where_the_user_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTEROP_CACHE_DIR", str(tmp_path))
    assert environments.default_store().root == tmp_path / "environments"
    assert environments.list_environments() == ()
    served = environments.provide("onnxruntime")  # the toolkit's own dependency
    assert (served.framework, served.kind) == ("onnxruntime", "running")
    with pytest.raises(errors.UsageError, match="'one' in 'torch@one' is not a version"):
        environments.provide("torch", "one")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("tensorflwo", "no framework 'tensorflwo'", "did you mean tensorflow?"),
        ("", "no framework ''", "there are onnx, torch, tensorflow"),
        ("torch@new", "'new' in 'torch@new' is not a version", "torch@2.13"),
        ("torch@", "'' in 'torch@' is not a version", "torch@2.13"),
    ],
)
def test_names_that_are_none(text: str, message: str, hint: str) -> None:
    with pytest.raises(errors.UsageError, match=message) as error:
        frameworks.parse(text)
    assert hint in error.value.hint
