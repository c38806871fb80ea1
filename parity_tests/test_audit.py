"""The whole audit, on a small model: rows, policy, differences between two, and what is written of it."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from pydantic import ValidationError
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Sarif
from rich.console import Console

from interop.audit import policy
from interop.audit.difference import changes, read
from interop.audit.run import AuditRequest, run
from interop.audit.schema import SCHEMA, SCHEMA_OF_SEVERAL
from interop.backends import parse_list
from interop.bench.measure import Effort
from interop.conversion import Request
from interop.errors import InvalidModel, UsageError
from interop.report.audit import junit, markdown
from interop.report.audit_page import page
from interop.report.audit_sarif import sarif
from interop.report.audit_summary import audit_summary, changes_summary

ON = "onnxruntime:cpu,reference:cpu,caffe:cpu,onnxruntime:cuda"


def network():
    """Cosh, which Caffe lacks, over a product."""
    rng = np.random.default_rng(0)
    drawn = rng.standard_normal((64, 32)).astype(np.float32) / 16
    weights = numpy_helper.from_array(drawn, "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Cosh", ["h"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 32])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    model.metadata_props.add(key="license", value="MIT")
    return model


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    onnx.save(network(), folder / "small.onnx")
    request = Request(model=str(folder / "small.onnx"), target="")
    return run(
        AuditRequest(request, parse_list(ON), folder / "out", effort=Effort(2, 0.2)),
    )


@pytest.fixture
def record(audited):
    return copy.deepcopy(audited.document)


def rows(record):
    return {row["backend"]: row for row in record["backends"]}


def targets(record):
    return {row["target"]: row for row in record["static"]["targets"]}


def test_each_backend_has_its_row(record):
    found = rows(record)
    assert found["onnxruntime:cpu"]["grade"] == "A"
    assert found["onnxruntime:cpu"]["latency"]["median"] > 0
    assert found["reference:cpu"]["passes"]
    refused = found["caffe:cpu"]
    assert (refused["grade"], refused["latency"], refused["exit_code"]) == (None, None, 4)
    assert "Cosh" in refused["sentence"]
    assert refused["next_steps"]
    absent = found["onnxruntime:cuda"]
    assert absent["unavailable"] or absent["passes"]
    assert [row["passes"] for row in record["backends"]] == sorted(
        (row["passes"] for row in record["backends"]), reverse=True
    )
    assert record["exit_code"] == 4


def test_fewer_bits(record):
    bits = {row["precision"]: row["effective_bits"] for row in record["variants"]}
    assert list(bits) == ["fp16", "bf16", "int8-dynamic", "int8-static"]
    assert 9 < bits["fp16"] < 16
    assert 6 < bits["bf16"] < 12
    assert 2 < bits["int8-dynamic"] < 10
    assert 2 < bits["int8-static"] < 10


def test_the_schema_holds_it_and_not_what_is_not_one(record):
    jsonschema.validate(record, SCHEMA)
    del record["backends"][0]["grade"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(record, SCHEMA)


@pytest.mark.parametrize(("name", "schema"), [("audit", SCHEMA), ("audits", SCHEMA_OF_SEVERAL)])
def test_the_published_schema_is_the_one(name, schema):
    published = Path(__file__).parent.parent / "docs" / f"{name}.schema.json"
    assert json.loads(published.read_text("utf-8")) == schema


def judged(tmp_path, text, record):
    path = tmp_path / "policy.toml"
    path.write_text(text)
    return [one.rule for one in policy.read(path).judge(record)]


@pytest.mark.parametrize(
    ("rule", "kept", "broken"),
    [
        ("backends", '["onnxruntime:cpu"]', '["caffe:cpu"]'),
        ("backends", '["reference:cpu"]', '["torch:cpu"]'),
        ("grade", '"C"\nbackends = ["onnxruntime:cpu"]', '"A"'),
        ("ratio", '1e9\nbackends = ["onnxruntime:cpu"]', '1e9\nbackends = ["caffe:cpu"]'),
        ("bytes", "1_000_000", "100"),
        ("operations", "1_000_000", "10"),
        ("licences", '["MIT"]', '["Apache-2.0"]'),
        ("without", '["custom-operator"]', '["dynamic-dimension"]'),
        ("targets", '["onnxruntime-cpu"]', '["coreml", "nnapi"]'),
        ("variants", "{ fp16 = 8.0 }", "{ int8-static = 20.0 }"),
    ],
)
def test_a_policy(rule, kept, broken, record, tmp_path):
    assert rule not in judged(tmp_path, f"[require]\n{rule} = {kept}\n", record)
    assert rule in judged(tmp_path, f"[require]\n{rule} = {broken}\n", record)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[require]\nbackend = ['x']", "unknown rule 'backend'.*"),
        ("[require]\ngrade = 'Z'", "should be one of"),
        ("[require]\nratio = -1", "should be a number"),
        ("[require]\nwithout = ['nothing-such']", "should be a list of"),
        ("[require]\n", "must hold one table"),
        ("require", "is no TOML"),
    ],
)
def test_a_policy_that_says_nothing(text, words, tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=words):
        policy.read(path)
    with pytest.raises(UsageError, match="cannot be read"):
        policy.read(tmp_path / "missing.toml")


def worse(old, new):
    return {one.what for one in changes(old, new) if one.kind == "worse"}


def test_an_audit_against_itself_has_no_changes(record):
    assert changes(record, copy.deepcopy(record)) == ()


def test_noise_is_no_change(record):
    new = copy.deepcopy(record)
    for row in new["backends"]:
        if row["latency"] and not row["latency"]["is_reference"]:
            row["latency"]["ratio"] *= 1.001
        if row["effective_bits"]:
            row["effective_bits"] -= 0.5
    assert worse(record, new) == set()


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda r: rows(r)["onnxruntime:cpu"].update(grade="C", passes=False), "onnxruntime:cpu"),
        (lambda r: rows(r)["reference:cpu"].update(effective_bits=20.0), "reference:cpu"),
        (
            lambda r: rows(r)["reference:cpu"]["latency"].update(low=1e6, high=2e6, ratio=1.5e6),
            "reference:cpu",
        ),
        (lambda r: r["backends"].remove(rows(r)["reference:cpu"]), "reference:cpu"),
        (
            lambda r: r["static"]["findings"].append(
                {"rule": "random-operator", "severity": "warns", "sentence": "It draws."}
            ),
            "random-operator",
        ),
        (lambda r: targets(r)["onnxruntime-cpu"].update(runs=False), "onnxruntime-cpu"),
        (lambda r: r["static"]["facts"].update(weight_bytes=10**9), "weights"),
        (lambda r: r["static"]["cost"].update(operations=10**12), "operations"),
    ],
)
def test_what_got_worse_is_told(spoil, what, record):
    new = copy.deepcopy(record)
    spoil(new)
    found = worse(record, new)
    assert found == {what}
    better = [one for one in changes(new, record) if one.kind == "better"]
    assert better or what == "reference:cpu"


def test_bad_files(tmp_path):
    path = tmp_path / "a.json"
    with pytest.raises(InvalidModel):
        read(path)
    path.write_text('{"kind": "aud')
    with pytest.raises(InvalidModel, match="truncated"):
        read(path)
    path.write_text('{"kind": "check"}')
    with pytest.raises(UsageError, match="no audit"):
        read(path)
    path.write_text('{"kind": "audit", "schema_version": 99}')
    with pytest.raises(UsageError, match="schema 99"):
        read(path)


class Outline(HTMLParser):
    """Elements that fetch, and images without words."""

    def __init__(self):
        super().__init__()
        self.fetches, self.mute, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag in ("link", "img", "iframe") or "src" in given:
            self.fetches.append(tag)
        if given.get("role") == "img" and tag != "svg" and not given.get("aria-label"):
            self.mute.append(tag)

    def handle_data(self, data):
        self.text.append(data)


def test_renderings(audited, record):
    outline = Outline()
    outline.feed(page(record))
    assert (outline.fetches, outline.mute) == ([], [])
    shown = " ".join(outline.text)
    for row in record["backends"]:
        assert row["backend"] in shown
        assert row["backend"] in markdown(record)
    suite = ElementTree.fromstring(junit(record))
    cases = {case.get("name"): [child.tag for child in case] for case in suite.iter("testcase")}
    assert cases["onnxruntime:cpu"] == []
    assert cases["caffe:cpu"] == ["failure"]
    console = Console(record=True, width=120)
    audit_summary(audited, console)
    changes_summary(changes(record, record), console)
    text = console.export_text()
    assert "onnxruntime:cpu" in text
    assert "Nothing changed" in text


def test_sarif(audited, record, tmp_path):
    """Held by the published schema, whose classes somebody else generated; each result has its rule."""
    (tmp_path / "policy.toml").write_text("[require]\nbytes = 1\n")
    record["policy"] = {"file": "policy.toml", "violations": [
        one.to_json() for one in policy.read(tmp_path / "policy.toml").judge(record)]}  # fmt: skip
    record["static"]["findings"].append(
        {"rule": "random-operator", "severity": "warns", "sentence": "It draws.", "where": ["a"],
         "next_step": "Draw outside."})  # fmt: skip
    log = sarif([record, audited.document])
    Sarif.model_validate(log)
    first, second = log["runs"]
    rules = first["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    found = {}
    for result in first["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        [place] = result["locations"]
        assert place["physicalLocation"]["artifactLocation"]["uri"].endswith("/small.onnx")
        found[result["ruleId"]] = result
    assert found["random-operator"]["level"] == "warning"
    assert found["random-operator"]["locations"][0]["logicalLocations"] == [{"name": "a"}]
    assert found["backend-operator"]["level"] == "error"
    assert "caffe:cpu" in found["backend-operator"]["message"]["text"]
    assert found["policy-bytes"]["level"] == "error"
    assert len(second["results"]) == len(first["results"]) - 2
    assert sarif([audited.document]) == json.loads((audited.folder / "audit.sarif").read_text())
    for spoil in ({"level": "fatal"}, {"message": {}, "colour": "red"}):
        with pytest.raises(ValidationError):
            Sarif.model_validate({**log, "runs": [{**second, "results": [{**result, **spoil}]}]})


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine")
def test_the_page_in_a_browser(audited, tmp_path):
    """A real browser lays it out, offline, on a telephone's width, without a bar to scroll sideways."""
    source = (audited.folder / "index.html").read_text("utf-8")
    probe = "<script>document.title = `${document.documentElement.scrollWidth} " \
        "${document.querySelectorAll('.ways > li').length}`</script>"  # fmt: skip
    (tmp_path / "page.html").write_text(source.replace("</body>", probe + "</body>"), "utf-8")
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--window-size=500,900",
        f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", f"file://{tmp_path / 'page.html'}",
    ]  # fmt: skip
    dom = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    width, ways = dom.split("<title>")[1].split("</title>")[0].split()
    assert int(width) <= 500
    assert int(ways) == 4


def test_the_commands(audited, tmp_path):
    """diff exits with 11 for what got worse, and writes nothing."""
    new = copy.deepcopy(audited.document)
    rows(new)["onnxruntime:cpu"].update(grade="F", passes=False)
    (tmp_path / "new.json").write_text(json.dumps(new))
    old = str(audited.folder / "audit.json")
    command = [sys.executable, "-P", "-m", "interop", "diff", old]
    same = subprocess.run([*command, old], capture_output=True, text=True, timeout=60)
    assert (same.returncode, same.stderr) == (0, "")
    changed = subprocess.run(
        [*command, str(tmp_path / "new.json")], capture_output=True, text=True, timeout=60
    )
    assert changed.returncode == 11
    assert "grade A → F" in changed.stdout
