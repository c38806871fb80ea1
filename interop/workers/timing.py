"""The clock that every worker times calls by.

Python 3.6 syntax; needs the standard library alone.
"""

import time
import typing  # noqa: F401 - for the type comment


def time_calls(call, runs, warmup):
    # type: (typing.Callable[[], object], int, int) -> dict[str, list[float]]
    """{"seconds": one for each of `runs` calls}, after `warmup` calls that are not counted.

    `call` takes no arguments, and returns when its results are there.
    """
    seconds = []
    for _ in range(warmup):
        call()
    for _ in range(runs):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds}
