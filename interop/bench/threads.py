"""Equal threads for all: each contender is told how many, and confined to as many processors.

Frameworks read different variables, and some read none; those that start a thread for each processor
of the machine then still share the ones that they may use, as anybody's would in a container.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from interop.bench.machine import allowed_cpus, one_per_core
from interop.errors import UsageError

#: What the frameworks read; INTEROP_THREADS, our guests of ONNX Runtime and TFLite, whose number of
#: threads is an argument.
VARIABLES = (
    "INTEROP_THREADS",
    "OMP_NUM_THREADS",  # torch, MXNet, Caffe, Caffe2, CNTK, Theano
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "NPROC",  # XLA on the processor
)


def thread_variables(threads: int) -> dict[str, str]:
    """Variables of a worker's environment that set its number of threads."""
    return dict.fromkeys(VARIABLES, str(threads))


def chosen_cpus(threads: int) -> tuple[int, ...]:
    """As many of the logical processors that this process may use as there are threads: one a core,
    while there are cores.

    Raises UsageError for more threads than processors.
    """
    allowed = allowed_cpus()
    if threads > len(allowed):
        raise UsageError(
            f"{threads} threads are more than the {len(allowed)} processors that may be used here",
            hint="They would measure how the system shares processors. Give fewer --threads.",
        )
    cores = one_per_core(allowed)
    rest = [cpu for cpu in allowed if cpu not in cores]
    return tuple(sorted([*cores, *rest][:threads]))


@contextmanager
def confined(cpus: tuple[int, ...]) -> Iterator[None]:
    """Processes that this thread starts meanwhile may use those logical processors alone.

    Where the system cannot do that (macOS), they are not held to it.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
