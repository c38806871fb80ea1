"""Each side held against the truth, and against the others that it is meant to agree with."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interop.checks.attempts import Attempt
from interop.floors import Floors
from interop.parity.floor.groups import Array
from interop.parity.floor.noise import Noise
from interop.parity.floor.precisions import FLOAT32, Precision
from interop.parity.verdict.compare import OutputParity, compare_outputs
from interop.parity.verdict.proof import abreast
from interop.parity.verdict.suspicion import blamed, suspects
from interop.proof import Plan, yardstick
from interop.workers.tensors import read_tensors

TRUTH = "the float64 truth"


@dataclass(frozen=True)
class Held:
    """One output on one set of inputs against one other. As a Proof of parity.grade it has no hops."""

    name: str
    inputs: str
    against: str
    worst: OutputParity
    hop: str = "none"

    def to_json(self) -> dict[str, Any]:
        return {"inputs": self.inputs, "against": self.against, **self.worst.to_json()}


@dataclass(frozen=True)
class Floor:
    """What rounding alone does to one output on one set of inputs."""

    name: str
    inputs: str
    noise: Noise

    def to_json(self) -> dict[str, Any]:
        return {"output": self.name, "inputs": self.inputs, **self.noise.to_json()}


@dataclass(frozen=True)
class Findings:
    """sides: for each attempt, in order, what was found of it; floors: what it was measured by;
    written_out: nodes whose truth is that of simpler operators."""

    sides: tuple[tuple[Held, ...], ...]
    floors: tuple[Floor, ...]
    written_out: tuple[str, ...] = ()


def hold(
    plan: Plan,
    attempts: Sequence[Attempt],
    peers: Sequence[int],
    narrower: Floors | None = None,
) -> Findings:
    """Hold every attempt that has outputs against the truth, and against those at `peers` that come
    before it. With `narrower`, a backend that says fp16 is held to what float16 can give, and an
    error that is no rounding is compared with what each precision does.

    One set of inputs at a time is in memory, and its floor is worked out once for all.
    """
    found: list[list[Held]] = [[] for _ in attempts]
    floors = []
    for index, one in enumerate(plan.sets):
        truth, noise = yardstick(plan, index)
        floors += [Floor(name, one.label, of) for name, of in noise.items()]
        floors_of = _remembered(narrower, index, truth, noise)
        given = {
            number: read_tensors(attempt.outputs[index])
            for number, attempt in enumerate(attempts)
            if attempt.outputs
        }
        for number, outputs in given.items():
            before = [peer for peer in peers if peer < number and peer in given]
            others = {attempts[peer].label: given[peer] for peer in before}
            own = attempts[number].precision if narrower is not None else FLOAT32
            found[number] += _held(
                one.label, outputs, truth, own, floors_of, narrower is not None, others
            )
    if narrower is not None:
        _suspect(narrower, attempts, found)
    return Findings(tuple(map(tuple, found)), tuple(floors))


def _suspect(floors: Floors, attempts: Sequence[Attempt], found: Sequence[list[Held]]) -> None:
    """Look for a wrong constant behind what passes by no wide margin, of all sides at once; what is
    found is one more comparison with the truth."""
    held = {
        number: [one.worst for one in own if one.against == TRUTH]
        for number, own in enumerate(found)
        if attempts[number].precision == FLOAT32
    }
    doubtful = [number for number, parities in held.items() if suspects(parities)]
    answers = floors.suspicions([attempts[number].outputs for number in doubtful])
    for number, answer in zip(doubtful, answers, strict=True):
        if answer is not None:
            worst = blamed(answer["words"], held[number])
            found[number].append(Held(worst.name, "all inputs", TRUTH, worst))


def _remembered(
    narrower: Floors | None, index: int, truth: Mapping[str, Array], noise: Mapping[str, Noise]
) -> Callable[[Precision], Mapping[str, Noise]]:
    """The floors on one set of inputs by precision, float32's being known; each is measured once."""
    known: dict[Precision, Mapping[str, Noise]] = {FLOAT32: noise}

    def floors_of(precision: Precision) -> Mapping[str, Noise]:
        if precision not in known:
            assert narrower is not None
            known[precision] = narrower.measure(precision, index, truth)
        return known[precision]

    return floors_of


def _held(
    label: str,
    outputs: Mapping[str, Array],
    truth: Mapping[str, Array],
    own: Precision,
    floors_of: Callable[[Precision], Mapping[str, Noise]],
    explain: bool,
    peers: Mapping[str, Mapping[str, Array]],
) -> list[Held]:
    noise, floors = floors_of(own), floors_of if explain else None
    found = [
        Held(p.name, label, TRUTH, p) for p in compare_outputs(truth, outputs, noise, floors=floors)
    ]
    scale = math.sqrt(2) if own == FLOAT32 else 1.0  # peers are in float32
    for who, theirs in peers.items():
        found += [Held(p.name, label, who, p) for p in abreast(theirs, outputs, noise, scale=scale)]
    return found
