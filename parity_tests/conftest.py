"""Fixtures shared by the suite. Environments are made on first use, as for any user."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from interop.environments import provide
from interop.frameworks import FRAMEWORKS
from interop.workers import Worker

# A script that starts the suite in the background makes it, and all that it starts, ignore Ctrl-C;
# what Ctrl-C does is among the things tested. A handler of ours becomes the default in a child.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

GUESTS = str(Path(__file__).parent / "guests")


@pytest.fixture(scope="module")
def open_worker():
    """open_worker(framework, guest=None): a worker on the framework's own guest, or one of guests/.

    Tests of one module share it; one that has ended is started anew. All end with their module:
    each holds half a gigabyte and more.
    """
    workers = {}

    def open_one(framework, guest=None):
        key = framework, guest
        if key not in workers or not workers[key].alive:
            workers[key] = Worker(
                provide(framework).interpreter,
                guest or FRAMEWORKS[framework].guest,
                label=framework,
                timeout=600,
                search_path=[GUESTS],
            )
        return workers[key]

    yield open_one
    for worker in workers.values():
        worker.close()
