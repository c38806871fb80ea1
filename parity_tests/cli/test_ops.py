"""The table of operators tells what the targets' own tables hold."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import onnx
from interop.converters.tensorflow.table import LOWERINGS

from interop.coverage import BODY, NATIVE, NONE, coverage
from interop.targets import KINDS

DOCS = Path(__file__).parents[2] / "docs" / "operators.md"


def ops(*arguments):
    command = [sys.executable, "-P", "-m", "interop", "ops", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_operator_of_the_standard_has_its_row():
    rows = {row.operator: row for row in coverage() if row.domain == "ai.onnx"}
    schemas = [s for s in onnx.defs.get_all_schemas() if s.domain == "" and not s.deprecated]
    assert set(rows) == {schema.name for schema in schemas}
    assert all(set(row.ways) == set(KINDS) for row in rows.values())
    assert rows["Conv"].ways["tensorflow"] == NATIVE  # by way of the channels-last domain
    assert rows["ImageDecoder"].ways["tensorflow"] == NONE
    bodies = [row for row in rows.values() if BODY in row.ways.values()]
    assert bodies
    for row in bodies:
        schema = onnx.defs.get_schema(row.operator)
        assert schema.has_function or schema.has_context_dependent_function
    native = {name for domain, name in LOWERINGS if domain == "" and name in rows}
    assert all(rows[name].ways["tensorflow"] == NATIVE for name in native)


def test_the_documented_table_is_the_one_that_is():
    """Write it anew with: interop ops --markdown > docs/operators.md"""
    assert DOCS.read_text() == ops("--markdown").stdout


def test_one_operator_and_json():
    rows = json.loads(ops("gridsam", "--json").stdout)
    assert [row["operator"] for row in rows] == ["GridSample"]
    assert set(rows[0]["ways"]) == set(KINDS)
    missing = ops("nosuchoperator")
    assert missing.returncode == 2
    assert "nosuchoperator" in missing.stderr
