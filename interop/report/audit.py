"""An audit in words: the sentences that every rendering shares, Markdown for pull requests, JUnit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from interop.report.words import seconds, share_right

Record = Mapping[str, Any]


def headline(record: Record) -> str:
    """The whole audit in one sentence."""
    rows = record["backends"]
    passed = sum(row["passes"] for row in rows)
    text = f"It runs right on {passed} of {len(rows)} backends that were tried"
    if record["policy"] is not None:
        broken = len(record["policy"]["violations"])
        kept = "meets the policy" if not broken else f"breaks {broken} of the policy's demands"
        return f"{text}, and {kept}."
    return f"{text}."


def markdown(record: Record) -> str:
    """For a pull request's comment: verdict, backends, what stands in the way."""
    name, mark = record["model"]["name"], "✅" if record["passes"] else "❌"
    lines = [f"## {mark} `{name}`: deployment readiness", "", headline(record), ""]
    if record["policy"] is not None:
        broken = record["policy"]["violations"]
        lines += [f"- **{one['rule']}**: {cell(one['sentence'])}" for one in broken] + [""]
    labelled = any(row["accuracy"] is not None for row in record["backends"])
    lines += [
        f"| backend | grade | effective bits |{' right |' if labelled else ''} latency | |",
        f"|---|---|---:|{'---:|' if labelled else ''}---:|---|",
    ]
    for row in record["backends"]:
        bits, latency = row["effective_bits"], row["latency"]
        words = [row["sentence"], *row["next_steps"][:1]] if not row["passes"] else []
        right = f"{share_right(row['accuracy'])} | " if labelled else ""
        lines.append(
            f"| `{row['backend']}` | {row['grade'] or '–'} | {'–' if bits is None else f'{bits:.1f}'} "
            f"| {right}{'–' if latency is None else seconds(latency['median'])} | {cell(' '.join(words))} |"
        )
    found = [one for one in record["static"]["findings"] if one["severity"] != "informs"]
    if found:
        lines += ["", "<details><summary>What stands in the way</summary>", ""]
        lines += [f"- {one['severity']} · {one['rule']}: {cell(one['sentence'])}" for one in found]
        lines += ["", "</details>"]
    return "\n".join(lines) + "\n"


def cell(text: str) -> str:
    """As it can stand in a table of Markdown."""
    return " ".join(text.split()).replace("|", "\\|")


def junit(record: Record) -> str:
    """JUnit XML: one case a backend and one a demand of the policy; what could not be tried is
    skipped, unless the policy demands it."""
    suite = ElementTree.Element("testsuite", name=f"interop audit {record['model']['name']}")
    for row in record["backends"]:
        case = _case(suite, "backend", row["backend"])
        if row["unavailable"]:
            ElementTree.SubElement(case, "skipped", message=row["sentence"])
        elif not row["passes"]:
            failure = ElementTree.SubElement(case, "failure", message=row["sentence"])
            failure.text = "\n".join(row["next_steps"])
    for rule in record["policy"]["rules"] if record["policy"] else ():
        case = _case(suite, "policy", rule)
        broken = [o["sentence"] for o in record["policy"]["violations"] if o["rule"] == rule]
        if broken:
            ElementTree.SubElement(case, "failure", message=broken[0]).text = "\n".join(broken)
    return suites_text(suite)


def suites_text(root: ElementTree.Element) -> str:
    """JUnit XML as text: a suite, or several in one element, counted."""
    for suite in root.iter():
        if suite.tag in ("testsuite", "testsuites"):
            for tag, name in (
                ("failure", "failures"),
                ("skipped", "skipped"),
                ("testcase", "tests"),
            ):
                suite.set(name, str(len(list(suite.iter(tag)))))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n"


def _case(suite: ElementTree.Element, kind: str, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=f"interop.{kind}", name=name)
