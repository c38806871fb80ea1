"""`examine` says what this machine can run, why not what it cannot, and how to get it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from interop import doctor
from interop.environments import Store, interpreters
from interop.environments.interpreters import Interpreter

ENVIRONMENT = """
python = "{python}"
lock_python = "3.11"
modules = ["{package}"]
package = "{package}"
provided_by = ["{package}"]
requires = ["{package}>=0.1"]
"""


@pytest.fixture(name="store")
def three_frameworks(tmp_path: Path) -> Store:
    for name, package, python in (
        ("here", "pytest", ">=3.11"),
        ("makeable", "absent-package", ">=3.11"),
        ("old", "absent-package", "<3.7"),
    ):
        home = tmp_path / "recipes" / name
        home.mkdir(parents=True)
        (home / "environment.toml").write_text(ENVIRONMENT.format(python=python, package=package))
        (home / "lock.txt").write_text(f"{package}==0.1.2\n")
    return Store(tmp_path / "not" / "yet" / "there", tmp_path / "recipes")


def test_states(store: Store) -> None:
    running = interpreters.running()
    older = Interpreter(Path("/x/python3.9"), (3, 9, 1), "pyenv", True)
    names = ("here", "makeable", "old", "absent")
    report = doctor.examine(store, names, (running, older))
    here, makeable, old, absent = report.frameworks
    assert [state.state for state in report.frameworks] == [
        "running",
        "on first use",
        "unavailable",
        "unavailable",
    ]
    assert sys.executable in here.reason
    assert "absent-package is not installed" in makeable.reason
    assert running.full in makeable.reason
    assert "needs a Python <3.7" in old.reason
    assert "3.9.1" in old.reason
    assert "uv python install" in old.hint
    assert "absent has no recipe" in absent.reason
    assert [state.runs for state in report.frameworks] == [True, True, False, False]


def test_the_machine(store: Store) -> None:
    report = doctor.examine(store, ())
    assert report.python == report.interpreters[0]
    assert report.free_bytes > 0
    assert "CPUExecutionProvider" in report.onnxruntime_providers
    assert report.gpu.reason
    assert not report.gpu.names or report.gpu.driver
    assert not store.root.exists()  # looking makes nothing


@pytest.mark.parametrize(
    ("status", "output", "driver", "names", "reason"),
    [
        (0, "Big GPU\nBig GPU\n", "550.1", ("Big GPU", "Big GPU"), "answers"),
        (0, "", "550.1", (), "finds no device"),
        (1, "OSError: libcuda.so.1: cannot open", None, (), "no NVIDIA driver is installed"),
        (1, "AssertionError: cuInit gives error 999", "550.1", (), "cuInit gives error 999"),
        (-11, "", "550.1", (), "does not work: -11"),
    ],
)
def test_gpu(
    status: int, output: str, driver: str | None, names: tuple[str, ...], reason: str
) -> None:
    gpu = doctor.describe_gpu(status, output, driver)
    assert (gpu.names, gpu.driver) == (names, driver)
    assert reason in gpu.reason


def test_no_framework_is_imported() -> None:
    script = (
        "import sys; from interop import doctor; doctor.examine(); "
        "print([m for m in ('torch', 'tensorflow', 'jax', 'keras') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
