"""Audits of several models as one HTML page: models down, backends across, each model with its own page."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

from interop.report.audits import mark, sentence
from interop.report.words import amount, seconds

Record = Mapping[str, Any]


def page(document: Record) -> str:
    """The page as text. `document` is what is written to audits.json."""
    base, style = (
        files("interop.report").joinpath(name).read_text("utf-8")
        for name in ("base.css", "audit.css")
    )
    verdict = "verdict" if document["passes"] else "verdict broken"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Which of these models are ready to deploy?</title>
<style>
{base}{style}</style>
</head>
<body>
<main>
<h1>Which of these models are ready to deploy?</h1>
<div class="{verdict}"><strong>{escape(sentence(document))}.</strong></div>
<p>Each cell is the grade of a model on a backend that was given it and ran it, against the float64 truth,
with the median of a run. A model's name leads to its own page.</p>
{_table(document)}
{_wrong(document)}
<footer><p>{escape(document["created"])} · {escape(document["machine"]["system"])}</p>
<p>Written by <code>interop audit</code>; the same as data: <code>audits.json</code>,
<code>audits.md</code>, <code>audits.xml</code> (JUnit), <code>audits.sarif</code>.</p></footer>
</main>
</body>
</html>
"""


def _table(document: Record) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in document["on"])
    rows = "".join(_row(row, document["on"]) for row in document["models"])
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Models and backends">'
        '<table class="grades"><thead><tr><th scope="col">model</th><th scope="col">size</th>'
        f'{head}<th scope="col">took</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _row(row: Record, on: list[str]) -> str:
    cells = {one["backend"]: one for one in row["backends"]}
    name = escape(row["name"])
    if row["folder"] is not None:
        name = f'<a href="{escape(row["folder"])}/index.html">{name}</a>'
    size = "" if row["parameters"] is None else amount(row["parameters"])
    if not row["backends"]:
        shown = f'<td colspan="{len(on)}">{escape(row["sentence"])}</td>'
    else:
        shown = "".join(_cell(cells.get(backend)) for backend in on)
    return (
        f'<tr><th scope="row">{name}</th><td class="n">{size}</td>{shown}'
        f'<td class="n">{row["seconds"]:.0f} s</td></tr>'
    )


def _cell(one: Record | None) -> str:
    if one is None:
        return "<td></td>"
    grade = one["grade"]
    style = "refused" if grade is None else f"grade-{grade}"
    said = (
        "not available" if one["unavailable"] else "no grade" if grade is None else f"grade {grade}"
    )
    time = "" if one["median"] is None else f" {seconds(one['median'])}"
    return (
        f'<td title="{escape(one["sentence"])}"><span class="chip {style}" role="img" '
        f'aria-label="{said}">{mark(one)}</span>{time}</td>'
    )


def _wrong(document: Record) -> str:
    rows = []
    for row in document["models"]:
        for one in row["backends"]:
            if not one["passes"] and not one["unavailable"]:
                rows.append((f"{row['name']} on {one['backend']}", one["sentence"]))
        if not row["backends"]:
            rows.append((row["name"], f"{row['sentence']} {row['next_step']}"))
    if not rows:
        return ""
    shown = "".join(f"<dt>{escape(what)}</dt><dd>{escape(why)}</dd>" for what, why in rows)
    return f'<h2>What stands in the way</h2><dl class="wrong">{shown}</dl>'
