"""The matrix as one HTML page that needs nothing beside it: a heat map, and the evidence of a cell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

from interop.parity.verdict.grade import LETTERS
from interop.report.matrix import bits_of, furthest, mark, obstacles, sentence, word

#: Grades, then what is no grade, as the legend has them.
_ORDER = (*LETTERS, "unsupported")
_MEANINGS = {
    "A": "same function",
    "B": "same, rounds more coarsely",
    "C": "close, not the same",
    "F": "another function",
    "unsupported": "refused, by name",
}


def page(document: Mapping[str, Any]) -> str:
    """The page as text."""
    base, style, script = (
        files("interop.report").joinpath(name).read_text("utf-8")
        for name in ("base.css", "matrix.css", "matrix.js")
    )
    # In a script element only "</" could end it.
    data = json.dumps(document["cells"]).replace("</", "<\\/")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The matrix: every model, from every framework, to every other</title>
<style>
{base}{style}</style>
</head>
<body>
<main>
<h1>Every model, from every framework, to every other</h1>
<p>{escape(sentence(document))}. Each cell is a conversion whose artifact was loaded back from disk and run
by the framework itself, beside its source, against the float64 truth.</p>
{_glance(document)}
<h2>Cell by cell</h2>
{_legend(document)}
{_heat(document)}
<p class="soft">The figure is the effective bits of the worst output: 24 is a faithful float32 run, and
rounding alone is not held against anybody. Point at a cell for its evidence, click to keep it. °: the zoo
has no definition there, so the source is what a conversion wrote. Latency was measured while other cells
were at work.</p>
{_definitions(document)}
{_obstacles(document)}
{_footer(document)}
</main>
<div id="card" role="status" hidden></div>
<script type="application/json" id="cells">{data}</script>
<script>
{script}</script>
</body>
</html>
"""


def _style(kind: str) -> str:
    """The class of a grade, or of what is none."""
    if len(kind) == 1:
        return f"grade-{kind}"
    return "refused" if kind == "unsupported" else "failed"


def _legend(document: Mapping[str, Any]) -> str:
    counts = document["counts"]
    kinds: list[str] = [kind for kind in _ORDER if kind in counts]
    kinds += [kind for kind in counts if kind not in _ORDER]
    buttons: list[str] = []
    for kind in kinds:
        chip, meaning = kind if len(kind) == 1 else "&nbsp;", _MEANINGS.get(kind, kind)
        buttons.append(
            f'<button type="button" aria-pressed="false" data-word="{escape(kind)}">'
            f'<span class="chip {_style(kind)}">{chip}</span><b>{counts[kind]}</b> {escape(meaning)}'
            "</button>"
        )
    return f'<div class="legend">{"".join(buttons)}</div>'


def _glance(document: Mapping[str, Any]) -> str:
    """Sources down, targets across: how many of the models passed."""
    passed: dict[tuple[str, str], list[bool]] = {}
    for cell in document["cells"]:
        passed.setdefault((cell["source"], cell["target"]), []).append(cell["passes"])
    head = "".join(f'<th scope="col">{escape(target)}</th>' for target in document["targets"])
    rows = []
    for source in document["sources"]:
        shown = "".join(_share(passed.get((source, t), [])) for t in document["targets"])
        rows.append(f'<tr><th scope="row">{escape(source)}</th>{shown}</tr>')
    return (
        "<h2>At a glance</h2><p>How many models pass (A or B), of how many.</p>"
        '<div class="scroll"><table class="glance"><colgroup><col class="source"></colgroup>'
        f"<thead><tr><th>from ↓ to →</th>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _share(passed: list[bool]) -> str:
    if not passed:
        return "<td></td>"
    share = sum(passed) / len(passed)
    most = ' class="most"' if share > 0.75 else ""
    return f'<td><span{most} style="--share: {share:.0%}">{sum(passed)}/{len(passed)}</span></td>'


def _heat(document: Mapping[str, Any]) -> str:
    index: dict[tuple[str, str, str], int]
    index = {(c["model"], c["source"], c["target"]): n for n, c in enumerate(document["cells"])}
    targets = document["targets"]
    head = "".join(f'<th scope="col">{escape(target)}</th>' for target in targets)
    bodies = []
    for model in document["models"]:
        rows = []
        for source in document["sources"]:
            numbers = [index.get((model, source, target)) for target in targets]
            if any(number is not None for number in numbers):
                rows.append(_row(document, source, numbers))
        if rows:
            rows[0] = (
                f'<th scope="rowgroup" class="model" rowspan="{len(rows)}">{escape(model)}</th>{rows[0]}'
            )
            bodies.append("<tbody>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</tbody>")
    return (
        '<div class="scroll heat-scroll"><table class="heat"><colgroup><col class="model">'
        '<col class="source"></colgroup>'
        f"<thead><tr><th>model</th><th>from ↓ to →</th>{head}</tr></thead>"
        f"{''.join(bodies)}</table></div>"
    )


def _row(document: Mapping[str, Any], source: str, numbers: list[int | None]) -> str:
    hand, shown = "", []
    for number in numbers:
        if number is None:
            shown.append("<td></td>")
            continue
        cell = document["cells"][number]
        hand = "°" if cell["via"] else hand
        shown.append(f"<td>{_button(cell, number)}</td>")
    return f'<th scope="row" class="source">{escape(source)}{hand}</th>{"".join(shown)}'


def _button(cell: Mapping[str, Any], number: int) -> str:
    kind, bits = word(cell), bits_of(cell)
    text = (
        f"<b>{kind}</b>{'' if bits is None else f'{bits:.1f}'}" if len(kind) == 1 else escape(kind)
    )
    label = f"{cell['model']}, {cell['source']} to {cell['target']}: {mark(cell)}"
    return (
        f'<button type="button" class="cell {_style(kind)}" data-cell="{number}" '
        f'data-word="{escape(kind)}" aria-label="{escape(label)}">{text}</button>'
    )


def _definitions(document: Mapping[str, Any]) -> str:
    agreements = document["definitions"]
    if not agreements:
        return ""
    frameworks = list(dict.fromkeys(s["framework"] for a in agreements for s in a["standings"]))
    head = "".join(f"<th>{escape(name)}</th>" for name in frameworks)
    rows = "".join(_agreement(one, frameworks) for one in agreements)
    return f"""<h2>The definitions agree</h2>
<p>Before anything is converted: the zoo's definitions of one model in several frameworks, on shared weights
and the same inputs. Each is held against the float64 truth (the figure is its error, in units of what
rounding alone does), and every two against each other.</p>
<div class="scroll"><table class="plain"><thead><tr><th>model</th>{head}<th>furthest apart</th></tr></thead>
<tbody>{rows}</tbody></table></div>"""


def _agreement(agreement: Mapping[str, Any], frameworks: list[str]) -> str:
    by_name = {standing["framework"]: standing for standing in agreement["standings"]}
    tiles = []
    for name in frameworks:
        standing = by_name.get(name)
        tiles.append("<td></td>" if standing is None else f"<td>{_standing(standing)}</td>")
    pairs = "".join(
        f"<tr><td>{escape(pair['first'])} – {escape(pair['second'])}</td><td>{pair['grade']}</td>"
        f"<td class='n'>{_number(pair['effective_bits'], '.1f')} bits</td></tr>"
        for pair in agreement["pairs"]
    )
    apart = furthest(agreement)
    detail = f"<details><summary>{escape(apart)}</summary><table>{pairs}</table></details>"
    cells = f"{''.join(tiles)}<td>{detail if pairs else ''}</td>"
    return f"<tr><th>{escape(agreement['model'])}</th>{cells}</tr>"


def _standing(standing: Mapping[str, Any]) -> str:
    if standing["grade"] is None:
        return f'<span class="tile failed" title="{escape(standing["failure"])}">failed</span>'
    over = _number(standing["error_over_floor"], ".2f")
    title = f"{_number(standing['effective_bits'], '.1f')} effective bits"
    return (
        f'<span class="tile {_style(standing["grade"])}" title="{title}">'
        f"<b>{standing['grade']}</b> {over}</span>"
    )


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _obstacles(document: Mapping[str, Any]) -> str:
    found = obstacles(document)
    if not found:
        return ""
    rows = "".join(
        f"<tr><td><span class='tile {_style(one.kind)}'>{escape(one.kind)}</span></td>"
        f"<td class='way'>{escape(one.where)}</td><td>{escape(one.reasons())}</td>"
        f"<td class='n'>{one.cells}</td></tr>"
        for one in found
    )
    return f"""<h2>What stood in the way</h2>
<p>Of the cells without a grade, by the end of the way that it was at: the operators that were refused, or
the first line of the error, each with how many cells it kept.</p>
<div class="scroll"><table class="plain"><thead><tr><th></th><th>where</th><th>what</th>
<th class="n">cells</th></tr></thead><tbody>{rows}</tbody></table></div>"""


def _footer(document: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    machine = document["machine"]
    return (
        f"<footer><p>{escape(document['created'])} · {escape(versions)} · "
        f"{escape(machine['system'])}</p>"
        "<p>Written by <code>interop matrix</code>; the same as data: <code>matrix.json</code>, "
        "<code>matrix.md</code>.</p></footer>"
    )
