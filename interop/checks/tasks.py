"""What a difference does to the task: figures on labelled inputs, and sequences of tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interop.checks.aspects import Aspect
from interop.checks.attempts import Attempt
from interop.checks.labels import Labels
from interop.errors import UsageError
from interop.parity.floor.noise import Noise
from interop.parity.floor.precisions import Precision
from interop.parity.inputs.values import Array
from interop.parity.verdict.tasks import (
    Classification,
    Continuation,
    Decisions,
    classified,
    continuations,
    decided,
)
from interop.proof import Plan
from interop.workers.tensors import read_tensors

#: The floors on one set of inputs, by its number, in a precision.
FloorOf = Callable[[int, Precision], Mapping[str, Noise]]


@dataclass(frozen=True)
class Leaving:
    """One sequence that does not go on as the source's: where it is, and whether rounding explains it."""

    output: str
    inputs: str
    row: int
    how: Continuation
    explained: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "output": self.output,
            "inputs": self.inputs,
            "row": self.row,
            **self.how.to_json(),
            "explained": self.explained,
        }


@dataclass
class _Tally:
    """What one side gave, set after set: decisions by output, and its sequences."""

    decided: dict[str, list[Decisions]] = field(default_factory=dict)
    sequences: int = 0
    leaving: list[Leaving] = field(default_factory=list)
    problem: str = ""


def sequences_in(plan: Plan) -> list[str]:
    """The outputs that can be tokens: whole numbers, [rows, length]."""
    return [
        spec.name
        for spec in plan.signature.outputs
        if spec.dtype in ("int32", "int64") and spec.shape is not None and len(spec.shape) == 2
    ]


def task_aspects(
    plan: Plan, attempts: Sequence[Attempt], labels: Labels | None, floors: FloorOf
) -> dict[str, list[Aspect]]:
    """ "labels" where there are some, "tokens" where outputs can be sequences of them; every side
    against the source, which is the first of `attempts`. One set of inputs at a time is in memory."""
    tokens = sequences_in(plan)
    if labels is None and not tokens:
        return {}
    tallies = [_Tally() for _ in attempts]
    for index, one in enumerate(plan.sets):
        source = read_tensors(attempts[0].outputs[index])
        for attempt, tally in zip(attempts, tallies, strict=True):
            if not attempt.outputs or tally.problem:
                continue
            given = read_tensors(attempt.outputs[index])
            noise = floors(index, attempt.precision)
            try:
                if labels is not None:
                    _decide(tally, labels, index, source, given, noise)
                _follow(tally, tokens, one.label, source, given, noise)
            except UsageError as error:
                tally.problem = f"{one.label}: {error.message}"
    found: dict[str, list[Aspect]] = {}
    pairs = list(zip(attempts, tallies, strict=True))
    if labels is not None:
        found["labels"] = [_labelled(*pair) for pair in pairs]
    if tokens:
        found["tokens"] = [_followed(*pair) for pair in pairs[1:]]
    return found


def _decide(
    tally: _Tally, labels: Labels, index: int, source: Mapping[str, Array],
    given: Mapping[str, Array], noise: Mapping[str, Noise],
) -> None:  # fmt: skip
    for name, parts in labels.by_output.items():
        if name not in given:
            tally.problem = f"output {name!r} is missing"
            return
        made = decided(parts[index], source[name], given[name], noise[name])
        tally.decided.setdefault(name, []).append(made)


def _follow(
    tally: _Tally, tokens: Sequence[str], label: str, source: Mapping[str, Array],
    given: Mapping[str, Array], noise: Mapping[str, Noise],
) -> None:  # fmt: skip
    for name in tokens:
        if name not in given:
            tally.problem = f"output {name!r} is missing"
            return
        found = continuations(list(source[name]), list(given[name]))
        tally.sequences += len(found)
        tally.leaving += [
            Leaving(name, label, row, how, _explained(noise[name], row, how.first))
            for row, how in enumerate(found)
            if how.first is not None
        ]


def _explained(noise: Noise, row: int, place: int) -> bool:
    """Whether rounding alone changes the token there, or where the sequence ends."""
    if row >= noise.shaky.shape[0] or place >= noise.shaky.shape[1]:
        return len(noise.shapes) > 1
    return bool(noise.shaky[row, place])


def _labelled(attempt: Attempt, tally: _Tally) -> Aspect:
    problem = _problem(attempt, tally)
    if problem is not None:
        return problem
    figures = {name: classified(parts) for name, parts in tally.decided.items()}
    rows = {name: sum(one.labels.size for one in parts) for name, parts in tally.decided.items()}
    worst = max(figures, key=lambda name: figures[name].flips - figures[name].ties)
    evidence = {
        "outputs": {n: {"rows": rows[n], **one.to_json()} for n, one in figures.items()},
        "worst": worst,
    }
    told = _told(figures[worst], rows[worst])
    return Aspect(attempt.label, all(one.explained for one in figures.values()), told, evidence)


def _told(one: Classification, rows: int) -> str:
    if not one.flips:
        return f"the same choice in all of {rows} rows"
    why = "rounding decides all of them" if one.explained else (
        f"rounding decides {one.ties} of them" if one.ties else "rounding decides none of them"
    )  # fmt: skip
    return f"another choice in {one.flips} of {rows} rows: {why}"


def _followed(attempt: Attempt, tally: _Tally) -> Aspect:
    problem = _problem(attempt, tally)
    if problem is not None:
        return problem
    evidence = {
        "sequences": tally.sequences,
        "different": [one.to_json() for one in tally.leaving],
    }
    if not tally.leaving:
        return Aspect(
            attempt.label, True, f"all of {tally.sequences} sequences are equal", evidence
        )
    worst = min(tally.leaving, key=lambda one: (one.explained, one.how.common_prefix))
    told = (
        f"{len(tally.leaving)} of {tally.sequences} sequences differ; output {worst.output!r}, row "
        f"{worst.row} of {worst.inputs}, first at {worst.how.first}: {_token(worst.how.artifact)} for "
        f"{_token(worst.how.source)}, after {worst.how.common_prefix} that are equal"
    )
    told += ": rounding alone changes that" if worst.explained else ""
    return Aspect(attempt.label, all(one.explained for one in tally.leaving), told, evidence)


def _token(token: int | None) -> str:
    return "its end" if token is None else str(token)


def _problem(attempt: Attempt, tally: _Tally) -> Aspect | None:
    if not attempt.outputs:
        return Aspect(attempt.label, None, "not comparable: it does not run")
    if tally.problem:
        return Aspect(attempt.label, False, f"not comparable: {tally.problem}")
    return None
