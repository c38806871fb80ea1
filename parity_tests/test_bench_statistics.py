"""The statistics of a bench against distributions that are known, by simulation; none by the clock."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from interop.bench import intervals
from interop.bench.intervals import compare, resolution_of
from interop.bench.percentiles import needed, percentiles
from interop.bench.samples import Times
from interop.bench.turns import take_turns
from interop.bench.warmup import WINDOW, settled, warm_up
from interop.errors import UsageError, WorkerCrashed

#: Relative deviations of what a machine does: to a process, to all at a time, to one block, to a run.
PROCESS, DRIFT, BLOCK, RUN = 0.02, 0.2, 0.02, 0.05


def side_by_side(
    rng: np.random.Generator,
    ratio: float,
    processes: int,
    blocks: int = 6,
    runs: int = 3,
    apart: float = PROCESS,
) -> tuple[Times, Times]:
    """Two contenders on one machine; the second takes `ratio` times as long, where nothing else does."""
    drift = rng.normal(0, DRIFT, (processes, blocks))

    def one(base: float) -> Times:
        hit = np.where(rng.random((processes, blocks)) < 0.1, rng.exponential(0.5, drift.shape), 0)
        log = drift + hit + rng.normal(0, apart, (processes, 1)) + rng.normal(0, BLOCK, drift.shape)
        return Times.of(base * np.exp(log[..., None] + rng.normal(0, RUN, (*drift.shape, runs))))

    return one(1e-3), one(1e-3 * ratio)


def covered(processes: int, trials: int, apart: float) -> float:
    rng, ratio = np.random.default_rng(processes), 1.1
    found = [compare(*side_by_side(rng, ratio, processes, apart=apart)) for _ in range(trials)]
    return sum(one.low <= ratio <= one.high for one in found) / trials


@pytest.mark.parametrize("processes", [3, 5])
def test_the_interval_covers_the_true_ratio(processes: int) -> None:
    """Of 95 %, no fewer than 90 % in 120 trials: 0.8 % of the time that would be chance."""
    for apart in (PROCESS, 6 * PROCESS):
        assert covered(processes, 120, apart) >= 0.9


def test_without_what_few_processes_need_it_would_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "_stretch", lambda count: 1.0)
    assert covered(3, 120, 6 * PROCESS) < 0.9


def test_student_s_quantiles_are_those_of_the_distribution() -> None:
    """Against the integral of its density, half of it by symmetry."""
    for freedom, quantile in intervals._STUDENT.items():
        x = np.linspace(0, quantile, 20001)
        density = (1 + x**2 / freedom) ** (-(freedom + 1) / 2)
        scale = (
            math.gamma((freedom + 1) / 2) / math.gamma(freedom / 2) / math.sqrt(freedom * math.pi)
        )
        assert scale * np.trapezoid(density, x) == pytest.approx(0.475, abs=5e-5), freedom
    stretches = [intervals._stretch(count) for count in range(2, 200)]
    assert stretches == sorted(stretches, reverse=True)
    assert stretches[-1] == pytest.approx(1.0, abs=0.02)


def test_a_planted_slow_contender_is_slower_and_an_equal_one_a_tie() -> None:
    rng = np.random.default_rng(0)
    for ratio, verdict in [(1.3, "slower"), (1.0, "tie"), (0.75, "faster")]:
        for _ in range(10):
            assert compare(*side_by_side(rng, ratio, 5, blocks=10)).verdict == verdict


def test_equal_contenders_tie_at_least_95_times_in_100() -> None:
    rng, ties = np.random.default_rng(1), 0
    for _ in range(100):
        first, again = side_by_side(rng, 1.0, 5)
        _, third = side_by_side(rng, 1.0, 5)
        resolution = resolution_of(compare(first, again))
        ties += compare(first, third, resolution=resolution).verdict == "tie"
    assert ties >= 95


def test_less_than_a_contender_differs_from_itself_is_a_tie() -> None:
    first, second = Times.of([[[1.0] * 5] * 4] * 3), Times.of([[[1.02] * 5] * 4] * 3)
    assert compare(first, second).verdict == "slower"
    found = compare(first, second, resolution=0.03)
    assert (found.verdict, found.ratio) == ("tie", pytest.approx(1.02))
    assert "differs from itself by up to 3.0%" in found.reason
    assert compare(second, first, resolution=0.03).verdict == "tie"
    assert compare(second, first, resolution=0.01).verdict == "faster"


def test_the_resolution_is_the_far_end_of_the_interval_of_equals() -> None:
    null = intervals.Ratio(0.99, 0.96, 1.01, "tie", "")
    assert resolution_of(null) == pytest.approx(1 / 0.96 - 1)


def test_drift_that_hits_all_cancels_and_one_hit_block_has_one_vote() -> None:
    drift = np.exp(np.linspace(0, 2, 12)).reshape(3, 4, 1) * np.ones((3, 4, 5))
    first, second = drift.copy(), 1.2 * drift
    second[1, 2] *= 50
    found = compare(Times.of(first), Times.of(second))
    assert found.ratio == pytest.approx(1.2)
    assert found.verdict == "slower"


def test_processes_that_disagree_are_no_evidence_however_many_their_runs() -> None:
    first = Times.of(np.ones((3, 10, 100)))
    second = np.ones((3, 10, 100))
    second[0], second[1] = 0.8, 1.3
    assert compare(first, Times.of(second)).verdict == "unclear"


def test_uneven_blocks_of_runs_are_compared_by_their_medians() -> None:
    first = Times.of([[[1.0, 1.0, 9.0], [1.0]], [[1.0] * 7, [1.0, 1.0]]])
    second = Times.of([[[2.0], [2.0] * 5], [[2.0, 2.0], [2.0] * 3]])
    assert compare(first, second).ratio == pytest.approx(2.0)


@pytest.mark.parametrize(
    "levels",
    [[], [[]], [[[]]], [[[1.0]], [[1.0], [1.0]]], [[[1.0], []]], [[[1.0, 0.0]]], [[[1.0, -1.0]]]],
)
def test_no_sample_is_an_error(levels: Sequence[Sequence[Sequence[float]]]) -> None:
    with pytest.raises(UsageError):
        Times.of(levels)


def test_what_does_not_pair_is_an_error() -> None:
    two, three = Times.of(np.ones((2, 3, 1))), Times.of(np.ones((3, 3, 1)))
    with pytest.raises(UsageError, match="2 x 3 against 3 x 3"):
        compare(two, three)
    one = Times.of([[[1.0]]])
    with pytest.raises(UsageError, match="two pairs"):
        compare(one, one)


def test_a_percentile_is_given_where_five_runs_lie_beyond_it() -> None:
    assert [needed(p) for p in (50, 90, 99)] == [10, 50, 500]
    for count, known in [(9, 0), (10, 1), (49, 1), (50, 2), (499, 2), (500, 3)]:
        given = percentiles(Times.of([[[1.0] * count]]))
        assert list(given) == ["p50", "p90", "p99"]
        assert [value is not None for value in given.values()] == [True] * known + [False] * (
            3 - known
        )
        beyond = np.arange(1, count + 1.0)
        for (_, value), p in zip(
            percentiles(Times.of([[beyond]])).items(), (50, 90, 99), strict=True
        ):
            assert value is None or np.sum(beyond > value) >= 5, (count, p)


def warming(times: Callable[[int], float], limit: float = 5.0):
    """The warm-up of a contender whose n-th run takes `times(n)` seconds, by a clock that they move."""
    clock, number = [0.0], itertools.count()

    def run(count: int) -> list[float]:
        seconds = [times(next(number)) for _ in range(count)]
        clock[0] += sum(seconds)
        return seconds

    return warm_up(run, limit=limit, now=lambda: clock[0])


def test_warm_up_ends_when_runs_no_longer_get_faster() -> None:
    steady = warming(lambda n: 1e-3)
    assert (steady.settled, steady.runs) == (True, 1 + 2 * WINDOW)
    compiled = warming(lambda n: 1.0 if n == 0 else 1e-3)
    assert (compiled.settled, compiled.median) == (True, 1e-3)
    tuned = warming(lambda n: 1e-3 if n > 60 else 1e-3 * (2 - n / 61))
    assert tuned.settled
    assert tuned.runs > 60


def test_warm_up_that_never_settles_is_ended_and_said() -> None:
    falling = warming(lambda n: 0.01 * 0.98**n + 1e-9, limit=0.3)
    assert not falling.settled
    slow = warming(lambda n: 10.0 * 0.5**n, limit=5.0)
    assert (slow.settled, slow.runs) == (False, 3)


def test_a_window_that_is_a_little_faster_by_chance_does_not_prolong_it() -> None:
    assert settled([1.0, 1.0, 0.985])
    assert not settled([1.0, 1.0, 0.97])
    assert not settled([1.0, 0.97, 0.97])
    assert settled([1.0, 0.97, 0.97, 1.2])
    assert not settled([1.0, 1.0])


def test_turns_are_random_and_all_get_as_many() -> None:
    log: list[str] = []

    def of(name: str) -> Callable[[], list[float]]:
        return lambda: [log.append(name) or 1.0]  # type: ignore[func-returns-value]

    rows = take_turns({n: of(n) for n in "abc"}, turns=40, rng=np.random.default_rng(0))
    assert {name: len(blocks) for name, blocks in rows.items()} == {"a": 40, "b": 40, "c": 40}
    orders = {tuple(log[i : i + 3]) for i in range(0, 120, 3)}
    assert orders == set(itertools.permutations("abc"))


def test_who_fails_leaves_the_turns_and_the_others_go_on() -> None:
    count, lost = itertools.count(), {}

    def failing() -> list[float]:
        if next(count) >= 3:
            raise WorkerCrashed("it died")
        return [1.0]

    rows = take_turns(
        {"good": lambda: [1.0], "bad": failing}, turns=8, rng=np.random.default_rng(0),
        lost=lost.__setitem__,
    )  # fmt: skip
    assert list(rows) == ["good"]
    assert len(rows["good"]) == 8
    assert str(lost["bad"]) == "it died"
    with pytest.raises(WorkerCrashed):
        take_turns({"bad": failing}, turns=8, rng=np.random.default_rng(0))
