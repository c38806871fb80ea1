"""Latency: the interval covers the true ratio, drift hits both alike, ties are called ties."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from interop.errors import UsageError
from interop.parity.latency import Samples, interleave, latency


def contender(seed: int, seconds: float, log: list[int] | None = None) -> Callable[[], list[float]]:
    rng = np.random.default_rng(seed)

    def block() -> list[float]:
        if log is not None:
            log.append(seed)
        return list(seconds * rng.lognormal(0, 0.05, 20))

    return block


def test_ratio_and_interval() -> None:
    for true, verdict in [(0.8, "faster"), (1.0, "tie"), (1.3, "slower")]:
        found = latency(interleave(contender(1, 1e-3), contender(2, 1e-3 * true)))
        assert found.ratio == pytest.approx(true, rel=0.03)
        assert found.low <= true <= found.high
        assert found.verdict == verdict
        assert found.runs == 200
        assert found == latency(interleave(contender(1, 1e-3), contender(2, 1e-3 * true)))


def test_turns_are_taken_in_random_order_after_a_warm_up() -> None:
    log: list[int] = []
    samples = interleave(contender(1, 1.0, log), contender(2, 1.0, log), blocks=12)
    assert log[:2] == [1, 2]
    pairs = [tuple(log[i : i + 2]) for i in range(2, len(log), 2)]
    assert set(pairs) == {(1, 2), (2, 1)}
    assert len(pairs) == len(samples.first) == len(samples.second) == 12


def test_blocks_are_resampled_not_runs() -> None:
    """Many runs in two disagreeing pairs of blocks are no strong evidence."""
    samples = Samples(((1.0,) * 500, (1.0,) * 500), ((0.5,) * 500, (2.0,) * 500))
    assert latency(samples).verdict == "unclear"


def test_the_budget_ends_it_after_two_pairs_at_least() -> None:
    samples = interleave(contender(1, 1.0), contender(2, 1.0), blocks=1000, budget=0.0)
    assert len(samples.first) == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((), ()),
        (((1.0,),), ((1.0,),)),
        (((1.0,), ()), ((1.0,), (1.0,))),
        (((1.0,), (0.0,)), ((1.0,), (1.0,))),
        (((1.0,), (1.0,)), ((1.0,), (1.0,), (1.0,))),
    ],
)
def test_too_little_to_say_is_an_error(first: tuple, second: tuple) -> None:
    with pytest.raises(UsageError):
        latency(Samples(first, second))
