"""Inputs from a user's Python generator, which runs in a process of its own (workers/generator.py):
it may need whatever it needs, and hang or crash as it likes."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from interop.parity.inputs.values import Array
from interop.workers.tensors import read_tensors

#: A generator may never end: so many of its sets are taken.
MOST = 16

#: Seconds for all of them.
TIMEOUT = 600.0


def read_generator(reference: str, seed: int) -> dict[str, dict[str, Array]]:
    """The first MOST mappings that `reference`, a package.module:callable, yields; by label.

    It is called with `seed` where it has a parameter of that name, and looked for where this
    interpreter finds its packages and in the working folder. Raises UsageError for what is no such
    callable, fails, or yields anything but a mapping of arrays by name; WorkerCrashed and
    WorkerTimedOut.
    """
    from interop.workers import Worker  # the truth's worker imports this package, too, and has none

    with (
        tempfile.TemporaryDirectory(prefix="interop-") as scratch,
        Worker(
            sys.executable, "interop.workers.generator", label="generator", timeout=TIMEOUT,
            search_path=[str(Path.cwd())],
        ) as worker,
    ):  # fmt: skip
        answer = worker.call("draw", reference=reference, folder=scratch, most=MOST, seed=seed)
        more = f" (of the first {MOST})" if answer["more"] else ""
        return {
            f"{reference} {number}{more}": {
                name: np.array(array) for name, array in read_tensors(folder).items()
            }
            for number, folder in enumerate(answer["folders"])
        }
