"""An audit as one HTML page that needs nothing beside it, for the one who decides whether it ships."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from interop.report.audit import headline
from interop.report.audit_plots import Line, bars, tails
from interop.report.words import amount, bytes_for_people, seconds, share_right, told_right

Record = Mapping[str, Any]


def page(record: Record) -> str:
    """The page as text. `record` is what `interop.audit` writes to audit.json."""
    base, style = (
        files("interop.report").joinpath(name).read_text("utf-8")
        for name in ("base.css", "audit.css")
    )
    model = record["model"]
    name = escape(model["name"])
    origin = f"{escape(model['reference'])} · from {escape(model['framework'])}"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}: is it ready to deploy?</title>
<style>
{base}{style}</style>
</head>
<body>
<main>
<h1>{name}<small>{origin}</small></h1>
{_verdict(record)}
{_facts(record["static"])}
{_ways(record["backends"])}
{_latency(record)}
{_variants(record["variants"])}
{_findings(record["static"]["findings"])}
{_targets(record["static"]["targets"])}
{_operators(record["static"])}
{_footer(record)}
</main>
</body>
</html>
"""


def _verdict(record: Record) -> str:
    policy = record["policy"]
    broken = ""
    if policy is not None and policy["violations"]:
        rows = "".join(
            f"<li><b>{escape(one['rule'])}</b>: {escape(one['sentence'])}</li>"
            for one in policy["violations"]
        )
        broken = f"<ul>{rows}</ul>"
    style = "verdict" if record["passes"] else "verdict broken"
    return (
        f'<div class="{style}"><div><strong>{escape(headline(record))}</strong>{broken}</div></div>'
    )


def _facts(static: Record) -> str:
    facts, cost = static["facts"], static["cost"]
    rows = {
        "parameters": amount(facts["parameters"]),
        "weights": bytes_for_people(facts["weight_bytes"]),
        "opset": str(max(facts["opsets"].values(), default=0)),
        "types": ", ".join(one.lower() for one in facts["dtypes"]),
        "licence": facts["metadata"].get("license", "not said"),
    }
    if cost is not None:
        sizes = ", ".join(f"{name} {size}" for name, size in cost["sizes"].items())
        rows[f"operations a run{f' ({sizes})' if sizes else ''}"] = amount(cost["operations"])
        rows["memory between nodes"] = bytes_for_people(cost["activation_bytes"])
    tiles = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in rows.items()
    )
    return f'<dl class="facts">{tiles}</dl>'


def _ways(rows: Sequence[Record]) -> str:
    shown = "".join(_way(row) for row in rows)
    return f"""<h2>Where it runs</h2>
<p>Each backend was given the model and ran it, on the same inputs; the grade is that of its worst output
against the float64 truth. Best first.</p>
<ul class="ways">{shown}</ul>"""


def _way(row: Record) -> str:
    grade = row["grade"]
    style = "failed" if grade is None else f"grade-{grade}"
    bits = row["effective_bits"]
    words = [row["title"], row["version"]]
    words += [] if bits is None else [f"{bits:.1f} effective bits"]
    latency = row["latency"]
    words += [] if latency is None else [f"{seconds(latency['median'])} a run"]
    words.append(told_right(row["accuracy"]))
    small = "".join(f"<span>{escape(word)}</span>" for word in words if word)
    steps = "".join(f'<p class="next">{escape(step)}</p>' for step in row["next_steps"])
    label = "no grade" if grade is None else f"grade {grade}"
    return (
        f'<li><span class="chip {style}" role="img" aria-label="{label}">{grade or "–"}</span>'
        f"<div><h3>{escape(row['backend'])} {small}</h3>"
        f"<p>{escape(row['sentence'])}</p>{steps}</div></li>"
    )


def _latency(record: Record) -> str:
    timed = [row for row in record["backends"] if row["latency"] is not None]
    lines = [
        Line(
            row["backend"],
            row["latency"]["median"] * 1e3,
            (row["latency"]["percentiles"]["p90"] or row["latency"]["median"]) * 1e3,
            f"{seconds(row['latency']['median'])}, {_ratio(row['latency'])}",
        )
        for row in sorted(timed, key=lambda row: row["latency"]["median"])
    ]
    if not lines:
        return ""
    clock = record["timing"]
    warnings = "".join(f"<p class='soft'>{escape(one)}</p>" for one in clock["warnings"])
    return f"""<h2>How long it takes</h2>
<p>{escape(clock["sentence"])} Only of backends whose results are right. The mark is the median, the line
ends where nine of ten runs do.</p>{warnings}
{tails("Latency", "milliseconds a run", lines)}"""


def _ratio(latency: Record) -> str:
    if latency["is_reference"]:
        return "which the others are held against"
    spread = f"{latency['low']:.2f} to {latency['high']:.2f}"
    return f"{latency['ratio']:.2f} times ({spread}): {latency['verdict']}"


def _variants(rows: Sequence[Record]) -> str:
    made = [row for row in rows if row["effective_bits"] is not None]
    lines = [
        Line(
            f"{row['precision']}, {amount(row['bytes'], 'B')}",
            row["effective_bits"], row["effective_bits"], _left(row),
        )
        for row in made
    ]  # fmt: skip
    failed = "".join(
        f"<p><b>{escape(row['precision'])}</b>: {escape(row['sentence'])} {escape(row['next_step'])}</p>"
        for row in rows
        if row["effective_bits"] is None
    )
    if not rows:
        return ""
    plot = bars("Effective bits by precision", "effective bits", 24.0, lines) if lines else ""
    return f"""<h2>In fewer bits</h2>
<p>Made with ONNX Runtime's own tools and run there; bfloat16 in PyTorch. Effective bits of the worst
output: float32 has 24, float16 can have 11, bfloat16 8.</p>
{plot}{failed}"""


def _left(row: Record) -> str:
    bits = f"{row['effective_bits']:.1f} bits"
    found = row["accuracy"]
    return bits if found is None else f"{bits}, right in {share_right(found)}"


def _findings(rows: Sequence[Record]) -> str:
    if not rows:
        return "<h2>What stands in the way</h2><p>Nothing was found in the file itself.</p>"
    shown = "".join(
        f'<li><span class="tile {row["severity"]}">{row["severity"]}</span>'
        f"<p><b>{escape(row['rule'])}</b>: {escape(row['sentence'])}</p>"
        f"<p class='soft'>{escape(_where(row))}{escape(row['next_step'])}</p></li>"
        for row in rows
    )
    return f'<h2>What stands in the way</h2><ul class="findings">{shown}</ul>'


def _where(row: Record) -> str:
    return f"At {', '.join(row['where'][:5])}. " if row["where"] else ""


def _targets(rows: Sequence[Record]) -> str:
    shown = "".join(
        f"<tr><td>{'takes all' if row['runs'] else 'lacks'}</td><td>{escape(row['title'])}</td>"
        f"<td>{_gaps(row)}</td><td class='soft'>{escape(row['version'])}</td></tr>"
        for row in rows
    )
    return f"""<h2>What targets say that they take</h2>
<p>From tables of operators, their versions and types; not run here.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Targets"><table class="plain">
<thead><tr><th></th><th>target</th><th>what it lacks, or asks for</th><th>as of</th></tr></thead>
<tbody>{shown}</tbody></table></div>"""


def _gaps(row: Record) -> str:
    words = [] if not row["open_sizes"] else ["it wants every size fixed"]
    for gap in row["gaps"]:
        words.append(f"<b>{escape(gap['operator'])}</b> × {gap['count']}: {escape(gap['reason'])}")
    if len(words) > 4:
        rest = "".join(f"<br>{word}" for word in words[3:])
        more = f"<details><summary>{len(words) - 3} more</summary>{rest}</details>"
        return "<br>".join(words[:3]) + more
    if row["falls_back"] and not row["runs"]:
        words.append("what it lacks runs on the processor")
    return "<br>".join(words)


def _operators(static: Record) -> str:
    counts = sorted(static["facts"]["operators"].items(), key=lambda pair: -pair[1])
    words = ", ".join(f"{escape(name)} {count}" for name, count in counts)
    return f"<h2>What it is made of</h2><p>{words}</p>"


def _footer(record: Record) -> str:
    machine = record["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    return (
        f"<footer><p>{escape(record['created'])} · {escape(versions)} · "
        f"{escape(machine['system'])}, {escape(machine['processor'])}</p>"
        "<p>Written by <code>interop audit</code>; the same as data: <code>audit.json</code>, "
        "<code>audit.md</code>, <code>audit.xml</code> (JUnit), <code>audit.sarif</code>.</p></footer>"
    )
