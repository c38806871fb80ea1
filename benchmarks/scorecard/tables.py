"""A scorecard's figures as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from scorecard.gates.usual import TESTS
from scorecard.judging import OBVIOUS, OURS
from scorecard.ledger import Row
from scorecard.mutators import MUTATORS
from scorecard.subjects import SUBJECTS
from scorecard.summary import (
    alarms,
    beyond,
    by_mutator,
    changed,
    faithful,
    multiples,
    scores,
    survivors,
)

#: What passes is within this many times what rounding does (interop.parity.verdict.grade).
MARGIN = 8

#: Why a mutant computes the same function, as it was found for those of seed 0.
WHY = {
    "ceil mode": "the windows divide the map without rest",
    "bias of the next channel": "there is one channel",
    "one tensor through float16": "the file holds weights that were float16 before",
    "missing activation": "an unsigned quantization behind it cuts off the same",
    "relu6 for relu": "nothing exceeds 6",
    "upper bound lost": "nothing exceeds the bound",
    "attention scale": "a tanh is saturated wherever the maximum behind it looks",
    "cast truncation": "what is cast is whole",
    "one activation through float16": "it holds zeros and ones",
    "halves rounded up": "no value lies half way",
    "folded dynamic value": "the size is only broadcast to",
}

#: How gates are called in the tables.
TITLES = {
    OURS: "interop", "olive": "Olive", "onnx2tf": "onnx2tf", "optimum": "optimum",
    "polygraphy": "Polygraphy",
}  # fmt: skip


def title(gate: str) -> str:
    return TITLES.get(gate, gate)


def markdown(rows: Sequence[Row], seed: int) -> str:
    """The whole report: counts, gates, mutators, survivors, false alarms, equivalents."""
    sections = [_counts(rows, seed), _gates(rows), _room(rows), _subjects(rows)]
    sections += [_survivors(rows, "quick"), _survivors(rows, "wide"), _alarms(rows)]
    sections += [_mutators(rows), _equivalents(rows)]
    return "\n\n".join(sections) + "\n"


def _counts(rows: Sequence[Row], seed: int) -> str:
    mutants = Counter(row.status for row in rows if row.kind == "mutant")
    kinds = Counter(row.kind for row in faithful(rows))
    listed = ", ".join(f"{count} by {kind}" for kind, count in kinds.items())
    return (
        "# Mutation scorecard\n\n"
        f"Seed {seed}. {sum(mutants.values())} mutants by {len(MUTATORS)} mutators on "
        f"{len({row.subject for row in rows})} models: {mutants['changed']} change the function "
        f"(decided in float64, or by an error of {OBVIOUS:.0f} times what rounding does), "
        f"{mutants['equivalent']} do not on any input that was tried, "
        f"{mutants['does not run']} do not run and count for nobody. "
        f"{len(faithful(rows))} faithful variants ({listed})."
    )


def _gates(rows: Sequence[Row]) -> str:
    lines = [
        "## Gates", "",
        "| gate | inputs | faults found | of | % | % of those above rounding "
        "| faithful runs blamed | of | % |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    lines += [
        f"| {title(s.gate)} | {s.inputs} | {s.killed} | {s.mutants} | {s.kill_rate:.1%} "
        f"| {s.kill_rate_above:.1%} | {s.alarms} | {s.faithful} | {s.alarm_rate:.1%} |"
        for s in scores(rows)
    ]
    return "\n".join(lines)


def _room(rows: Sequence[Row]) -> str:
    """Between what faithful runs reach and what faults do lies the room for a threshold."""
    lines = [
        "## Error over the floor, all inputs", "",
        "| | least | 1 % | 10 % | median | 90 % | 99 % | most |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    for name, some in (("faithful runs", faithful(rows)), ("faults", changed(rows))):
        found = multiples(some)
        shares = (0.0, 0.01, 0.1, 0.5, 0.9, 0.99, 1.0)
        cells = (
            [f"{found[round(share * (len(found) - 1))]:.3g}" for share in shares] if found else []
        )
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _subjects(rows: Sequence[Row]) -> str:
    lines = [
        "## Models", "",
        "Each mutator is applied at up to so many places of a model, drawn by seed.", "",
        "| model | places | faults | found on quick inputs | on wide | faithful | blamed on quick "
        "| on wide |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    for name in dict.fromkeys(row.subject for row in rows):
        own = [row for row in rows if row.subject == name]
        bad, good = changed(own), faithful(own)
        figures = [
            SUBJECTS[name].sites, len(bad),
            len(bad) - len(survivors(own, "quick")), len(bad) - len(survivors(own, "wide")),
            len(good), len(alarms(own, "quick")), len(alarms(own, "wide")),
        ]  # fmt: skip
        lines.append(f"| {name} | " + " | ".join(map(str, figures)) + " |")
    return "\n".join(lines)


def _survivors(rows: Sequence[Row], inputs: str) -> str:
    found = survivors(rows, inputs)
    below = sum(beyond(row, inputs) < 1 for row in found)
    margin = sum(1 <= beyond(row, inputs) < MARGIN for row in found)
    lines = [
        f"## Faults that interop lets pass, {inputs} inputs", "",
        f"{len(found)}. Of these, {below} do less than rounding does, computed exactly, on every input "
        f"that was tried: nobody can tell them by the size of the error. {margin} are within the {MARGIN} "
        f"times that interop allows for rounding, and {len(found) - below - margin} beyond.", "",
        "| model | fault | at | difference in float64 | computed exactly, over the floor |",
        "|---|---|---|---:|---:|",
    ]  # fmt: skip
    for row in sorted(found, key=lambda one: -beyond(one, inputs)):
        lines.append(
            f"| {row.subject} | {row.case} | `{row.site}` | {row.difference:.1e} "
            f"| {beyond(row, inputs):.2g} |"
        )
    return "\n".join(lines)


def _alarms(rows: Sequence[Row]) -> str:
    lines = [
        "## Faithful runs that interop blames",
        "",
        "| model | variant | inputs |",
        "|---|---|---|",
    ]
    for inputs in ("quick", "wide"):
        lines += [f"| {row.subject} | {row.case} | {inputs} |" for row in alarms(rows, inputs)]
    return "\n".join(lines if len(lines) > 4 else [*lines[:2], "None."])


def _mutators(rows: Sequence[Row]) -> str:
    gates = [OURS, f"{OURS} wide", *TESTS, *(gate for gate in TITLES if gate != OURS)]
    heads = ["interop", "interop, wide", *TESTS, *(TITLES[g] for g in TITLES if g != OURS)]
    lines = [
        "## Mutators", "",
        "| fault | seen in | changed | equivalent | does not run | " + " | ".join(heads) + " |",
        "|---|---|" + "---:|" * (3 + len(gates)),
    ]  # fmt: skip
    for name, line in by_mutator(rows).items():
        counts = [line["changed"], line["equivalent"], line["does not run"]]
        cells = [str(line.get(gate, 0)) if line["changed"] else "" for gate in gates]
        seen = MUTATORS[name].seen
        lines.append(f"| {name} | {seen} | " + " | ".join([*map(str, counts), *cells]) + " |")
    return "\n".join(lines)


def _equivalents(rows: Sequence[Row]) -> str:
    found = Counter((row.case, row.subject) for row in rows if row.status == "equivalent")
    lines = [
        "## Mutants that compute the same function", "",
        "Not counted: their float64 outputs are the original's to 1e-11 on every set of inputs, wide "
        "ones included.", "", "| fault | models | why |", "|---|---|---|",
    ]  # fmt: skip
    for name in MUTATORS:
        models = [
            f"{subject} ({count})" for (case, subject), count in found.items() if case == name
        ]
        if models:
            lines.append(f"| {name} | {', '.join(models)} | {WHY.get(name, 'not looked into')} |")
    return "\n".join(lines)
