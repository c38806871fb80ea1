"""Frameworks as child processes: one interpreter, one environment, one guest module each."""

from interop.workers.host import Pending, Worker

__all__ = ["Pending", "Worker"]
