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


@pytest.fixture(scope="session")
def open_worker():
    """open_worker(framework, guest=None): a worker on the framework's own guest, or one of guests/."""
    workers = []

    def open_one(framework, guest=None):
        environment = provide(framework)
        worker = Worker(
            environment.interpreter,
            guest or FRAMEWORKS[framework].guest,
            label=framework,
            timeout=600,
            search_path=[GUESTS],
        )
        workers.append(worker)
        return worker

    yield open_one
    for worker in workers:
        worker.close()
