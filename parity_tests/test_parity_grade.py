"""Verdicts, hops and grades, on outputs made by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from interop.errors import ParityFailed
from interop.parity.floor.noise import Noise, measure_noise
from interop.parity.verdict.compare import OutputParity, Verdict, compare, compare_outputs
from interop.parity.verdict.grade import RULES, grade
from interop.parity.verdict.proof import OutputProof, prove

RNG = np.random.default_rng
Array = np.ndarray

TRUTH = RNG(0).standard_normal((4, 10))
SIZE = 1e-6


def rounded(seed: int, times: float = 1.0) -> Array:
    """The truth with `times` the floor's noise."""
    return (TRUTH + times * SIZE * RNG(seed).standard_normal(TRUTH.shape)).astype(np.float32)


NOISE = measure_noise(TRUTH, [rounded(k) for k in range(1, 6)])


def verdict(candidate: Array, noise: Noise = NOISE, truth: Array = TRUTH) -> Verdict:
    return compare("y", truth, candidate, noise).verdict


def test_float_verdicts() -> None:
    assert verdict(TRUTH.astype(np.float32)) is Verdict.EXACT
    assert verdict(rounded(9)) is Verdict.FAITHFUL
    assert verdict(rounded(9, 2)) is Verdict.FAITHFUL
    assert verdict(rounded(9, 100)) is Verdict.REDUCED_PRECISION
    assert verdict(rounded(9, 1e6)) is Verdict.DIVERGENT
    assert verdict(rounded(9)[:, :5]) is Verdict.NOT_COMPARABLE
    assert verdict(rounded(9).astype(np.float16)) is Verdict.NOT_COMPARABLE


def test_effective_bits_fall_by_one_for_each_doubling_of_the_error() -> None:
    bits = [
        compare("y", TRUTH, rounded(9, times), NOISE).effective_bits for times in (64, 128, 1024)
    ]
    assert bits[0] - bits[1] == pytest.approx(1, abs=0.1)
    assert bits[1] - bits[2] == pytest.approx(3, abs=0.1)
    assert 24 - 7 < bits[0] < 24 - 5


def test_figures() -> None:
    candidate = TRUTH.astype(np.float32)
    worst = int(np.argmin(TRUTH[1]))
    candidate[1, worst] = 100
    figures = compare("y", TRUTH, candidate, NOISE).figures
    error = 100 - TRUTH[1, worst]
    assert figures.max_abs == pytest.approx(error)
    assert figures.max_rel == pytest.approx(error / abs(TRUTH[1, worst]))
    assert figures.rms == pytest.approx(error / math.sqrt(40))
    assert figures.snr_db == pytest.approx(10 * math.log10(np.sum(TRUTH**2) / error**2), rel=1e-4)
    assert figures.top1 == 0.75


def test_integers_are_exact_or_unstable_or_wrong() -> None:
    truth = np.array([3, 5, 7])
    noise = measure_noise(truth, [truth, np.array([3, 5, 8])])
    assert verdict(truth, noise, truth) is Verdict.EXACT
    assert verdict(np.array([3, 5, 8]), noise, truth) is Verdict.UNSTABLE
    assert verdict(np.array([3, 4, 7]), noise, truth) is Verdict.DIVERGENT
    assert verdict(truth.astype(np.int32), noise, truth) is Verdict.NOT_COMPARABLE
    flags = np.array([True, False])
    noise = measure_noise(flags, [flags, flags])
    assert verdict(flags, noise, flags) is Verdict.EXACT
    assert verdict(~flags, noise, flags) is Verdict.DIVERGENT


def test_non_finite_values_must_be_in_the_same_places() -> None:
    truth = TRUTH.copy()
    truth[0, 0], truth[0, 1], truth[0, 2] = np.nan, np.inf, -np.inf
    runs = [np.where(np.isfinite(truth), rounded(k), truth).astype(np.float32) for k in range(6)]
    noise = measure_noise(truth, runs[1:])
    assert verdict(runs[0], noise, truth) is Verdict.FAITHFUL
    for place, value in [((0, 0), 1.0), ((0, 1), -np.inf), ((0, 2), np.nan), ((3, 3), np.nan)]:
        broken = runs[0].copy()
        broken[place] = value
        assert verdict(broken, noise, truth) is Verdict.NOT_COMPARABLE


def test_an_overflow_that_rounding_decides_is_unstable() -> None:
    truth = TRUTH.copy()
    truth[0, 0] = 3.3e38
    runs = [rounded(k) for k in range(6)]
    for k, run in enumerate(runs):
        run[0, 0] = np.inf if k % 2 else 3.3e38
    noise = measure_noise(truth, runs)
    assert verdict(runs[1], noise, truth) is Verdict.UNSTABLE
    elsewhere = runs[0].copy()
    elsewhere[1, 1] = np.inf
    assert verdict(elsewhere, noise, truth) is Verdict.NOT_COMPARABLE


def test_where_rounding_decides_everything_the_verdict_is_unstable() -> None:
    coarse = [
        (TRUTH * (1 + 0.1 * RNG(k).standard_normal(TRUTH.shape))).astype(np.float32)
        for k in range(6)
    ]
    assert verdict(coarse[0], measure_noise(TRUTH, coarse[1:])) is Verdict.UNSTABLE
    lengths = [TRUTH[:n].astype(np.float32) for n in (4, 3, 4)]
    noise = measure_noise(TRUTH, lengths)
    assert verdict(lengths[1], noise) is Verdict.UNSTABLE
    assert verdict(TRUTH[:2].astype(np.float32), noise) is Verdict.NOT_COMPARABLE


def test_nothing_to_compare_is_an_error_or_a_failure() -> None:
    with pytest.raises(ParityFailed, match="no output"):
        compare_outputs({}, {}, {})
    empty = np.zeros((0, 10))
    noise = measure_noise(empty, [empty.astype(np.float32)] * 3)
    parity = compare("y", empty, empty.astype(np.float32), noise)
    assert parity.verdict is Verdict.NOT_COMPARABLE
    assert "nothing to compare" in parity.reason
    with pytest.raises(ParityFailed, match="nothing was compared"):
        grade([])


def proofs(source: Array, artifact: Array) -> tuple[OutputProof, ...]:
    return prove("set", {"y": TRUTH}, {"y": source}, {"y": artifact}, {"y": NOISE})


def test_a_good_conversion_is_an_a() -> None:
    found = grade(proofs(rounded(11), rounded(12)))
    assert (found.letter, found.passes, found.hop) == ("A", True, "none")
    assert "same function" in found.sentence


@pytest.mark.parametrize(
    ("source", "artifact", "hop"),
    [(1, 300, "import"), (300, 1, "export"), (300, 300, "both")],
)
def test_the_hop_at_fault_is_told(source: float, artifact: float, hop: str) -> None:
    (proof,) = proofs(rounded(11, source), rounded(12, artifact))
    assert proof.hop == hop
    assert not proof.direct.verdict.passes
    found = grade([proof])
    assert (found.letter, found.passes, found.hop) == ("C", False, hop)


def test_two_that_err_alike_still_fail() -> None:
    """Source and artifact agree to the bit, and neither is what the graph says."""
    both = rounded(11, 300)
    (proof,) = proofs(both, both)
    assert proof.direct.verdict is Verdict.EXACT
    assert not grade([proof]).passes


def test_direct_comparison_allows_for_two_roundings() -> None:
    (proof,) = proofs(rounded(11), rounded(12))
    assert proof.direct.multiple.rms_ratio == pytest.approx(1, abs=0.25)


def test_an_output_that_one_side_lacks_is_a_failure() -> None:
    good = {"y": rounded(11)}
    for source, artifact in [({}, good), (good, {}), (good, {**good, "z": rounded(12)})]:
        found = grade(prove("set", {"y": TRUTH}, source, artifact, {"y": NOISE}))
        assert (found.letter, found.passes) == ("F", False)
        assert found.verdict is Verdict.NOT_COMPARABLE


def made(bits: float | None, verdict: Verdict) -> OutputProof:
    good = OutputParity("y", Verdict.FAITHFUL, "", 24.0)
    return OutputProof("y", "set", good, OutputParity("y", verdict, "", bits), good, None)


@pytest.mark.parametrize(
    ("bits", "verdict", "letter"),
    [
        (24.0, Verdict.EXACT, "A"),
        (22.0, Verdict.FAITHFUL, "A"),
        (21.9, Verdict.FAITHFUL, "B"),
        (21.0, Verdict.FAITHFUL, "B"),
        (20.9, Verdict.REDUCED_PRECISION, "C"),
        (11.0, Verdict.REDUCED_PRECISION, "C"),
        (10.9, Verdict.REDUCED_PRECISION, "F"),
        (3.0, Verdict.DIVERGENT, "F"),
        (None, Verdict.NOT_COMPARABLE, "F"),
        (23.0, Verdict.UNSTABLE, "B"),
    ],
)
def test_rules(bits: float | None, verdict: Verdict, letter: str) -> None:
    found = grade([made(24.0, Verdict.EXACT), made(bits, verdict), made(24.0, Verdict.EXACT)])
    assert found.letter == letter
    assert found.passes == (letter in "AB")


def test_rules_are_ordered_and_cover_everything() -> None:
    bits = [rule.bits for rule in RULES]
    assert bits == sorted(bits, reverse=True)
    assert bits[-1] == 0


def test_records_are_json() -> None:
    everything = [
        *proofs(rounded(11), rounded(12)),
        *proofs(TRUTH.astype(np.float32), rounded(1)[:1]),
    ]
    text = json.dumps(
        [*[p.to_json() for p in everything], grade(everything).to_json()], allow_nan=False
    )
    assert "effective_bits" in text
