"""Audits of several models in words: Markdown for pull requests, JUnit, a line a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from interop.report.audit import cell, suites_text
from interop.report.words import seconds

Record = Mapping[str, Any]

#: What stands in a cell that has no grade.
UNAVAILABLE, FAILED, NOT_TRIED = "n/a", "–", ""


def sentence(document: Record) -> str:
    """All of them in one sentence."""
    rows = document["models"]
    passed = sum(row["passes"] for row in rows)
    return f"{passed} of {len(rows)} models pass on every backend that was tried"


def mark(row: Record | None) -> str:
    """What one backend's cell says first: its grade, or why there is none."""
    if row is None:
        return NOT_TRIED
    if row["unavailable"]:
        return UNAVAILABLE
    return str(row["grade"] or FAILED)


def line(row: Record) -> str:
    """A model in one line, for who waits for the others."""
    cells = ", ".join(f"{one['backend']} {mark(one)}" for one in row["backends"])
    return f"{row['name']}: {cells or row['sentence']}, {row['seconds']:.0f} s"


def markdown(document: Record) -> str:
    """A table of models and backends, and below it what is wrong."""
    on = document["on"]
    lines = [f"## {'✅' if document['passes'] else '❌'} {sentence(document)}", ""]
    lines.append(f"| model | {' | '.join(f'`{one}`' for one in on)} | |")
    lines.append(f"|---|{'---|' * len(on)}---:|")
    for row in document["models"]:
        cells = {one["backend"]: one for one in row["backends"]}
        shown = " | ".join(_cell(cells.get(one)) for one in on)
        lines.append(f"| {row['name']} | {shown} | {row['seconds']:.0f} s |")
    wrong = [words for row in document["models"] for words in _wrong(row)]
    return "\n".join([*lines, "", *wrong]).rstrip() + "\n"


def _cell(row: Record | None) -> str:
    if row is None or row["median"] is None:
        return mark(row)
    return f"{mark(row)} {seconds(row['median'])}"


def _wrong(row: Record) -> list[str]:
    if not row["backends"]:
        return [f"- **{row['name']}**: {cell(row['sentence'])}"]
    return [
        f"- **{row['name']}** on `{one['backend']}`: {cell(one['sentence'])}"
        for one in row["backends"]
        if not one["passes"] and not one["unavailable"]
    ]


def junit(document: Record) -> str:
    """JUnit XML: one suite a model, one case a backend; a model that could not be tried is a case of
    its own."""
    suites = ElementTree.Element("testsuites", name="interop audit")
    for row in document["models"]:
        suite = ElementTree.SubElement(suites, "testsuite", name=row["name"])
        for one in row["backends"] or [{**row, "backend": row["name"], "unavailable": False}]:
            case = ElementTree.SubElement(
                suite, "testcase", classname=f"interop.{row['name']}", name=one["backend"]
            )
            if one["unavailable"]:
                ElementTree.SubElement(case, "skipped", message=one["sentence"])
            elif not one["passes"]:
                ElementTree.SubElement(case, "failure", message=one["sentence"])
    return suites_text(suites)
