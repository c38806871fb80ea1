"""Fixtures shared by the suite. Environments are made on first use, as for any user."""

from __future__ import annotations

from pathlib import Path

import pytest

from interop.environments import provide
from interop.frameworks import FRAMEWORKS
from interop.workers import Worker

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
