"""An interpreter that the user names for a framework by a variable."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from interop import environments, errors
from interop.doctor import examine_frameworks
from interop.environments import Store

ENVIRONMENT = """
python = ">=3.11"
lock_python = "3.11"
modules = ["fakeframe"]
package = "fakeframe"
provided_by = ["fakeframe-lite", "fakeframe"]
requires = ["fakeframe>=1.1", "never-installed"]
"""
VARIABLE = "INTEROP_ENVIRONMENT_FAKE"


def metadata(folder: Path, version: str) -> None:
    info = folder / f"fakeframe_lite-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: fakeframe-lite\nVersion: {version}\n"
    )


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Store:
    home = tmp_path / "recipes" / "fake"
    home.mkdir(parents=True)
    (home / "environment.toml").write_text(ENVIRONMENT)
    (home / "lock.txt").write_text("fakeframe-lite==1.1.1\n")
    return Store(tmp_path / "cache", tmp_path / "recipes")


@pytest.fixture(name="own")
def _own(tmp_path: Path) -> Path:
    """An environment whose packages lie in a folder apart, which a .pth file of it names."""
    folder, kit = tmp_path / "own", tmp_path / "kit"
    venv.create(folder)
    site = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    (site / "kit.pth").write_text(f"{kit}\n")
    metadata(kit, "1.4")
    return folder


@pytest.mark.parametrize("inside", ["", "bin/python"])
def test_it_serves(
    store: Store, own: Path, inside: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, str(own / inside))
    found = store.provide("fake")
    assert (found.kind, found.version, found.path) == ("named", "1.4", own)
    assert found.packages["fakeframe-lite"] == "1.4"
    said = subprocess.run(
        [found.interpreter, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True
    )
    assert said.stdout.strip() == str(own)
    assert not (tmp_path / "cache").exists()
    assert store.provide("fake", "1.4") == found
    assert store.named("fake", "1.5") is None  # one of its own is made for that, as without
    (row,) = examine_frameworks(store, ("fake",))
    assert (row.state, row.version) == ("named", "1.4")
    assert f"which {VARIABLE} names" in row.reason


def test_it_cannot_serve(store: Store, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(value: Path) -> errors.EnvironmentUnavailable:
        monkeypatch.setenv(VARIABLE, str(value))
        with pytest.raises(errors.EnvironmentUnavailable) as error:
            store.provide("fake")
        (row,) = examine_frameworks(store, ("fake",))
        assert (row.state, row.reason) == ("unavailable", error.value.message)
        return error.value

    assert refused(own / "absent").message.startswith(f"{VARIABLE}={own}/absent is no Python")
    assert "is no Python that runs" in refused(own / "pyvenv.cfg").message
    assert refused(Path(sys.executable)).message.endswith("has no fakeframe")
    home = store.recipes / "fake" / "environment.toml"
    home.write_text(ENVIRONMENT.replace("fakeframe>=1.1", "fakeframe>=2"))
    assert "its fakeframe 1.4 is not >=2" in refused(own).message
    home.write_text(ENVIRONMENT.replace(">=3.11", ">=3.99"))
    assert "is not >=3.99" in refused(own).message


def test_the_toolkit_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name of the framework, also where another interpreter could serve."""
    monkeypatch.setenv("INTEROP_ENVIRONMENT_ONNX", sys.executable)
    assert environments.provide("onnx").kind == "named"
    monkeypatch.delenv("INTEROP_ENVIRONMENT_ONNX")
    assert environments.provide("onnx").kind == "running"
