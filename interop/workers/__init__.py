"""Frameworks run as workers: child processes, each on its own interpreter and pins.

The host side is `Worker`. `guest.py`, `failures.py` and `tensors.py` also run inside the child,
on Pythons down to 3.6, and so keep to that syntax; the child never executes this file.
"""

from interop.workers.host import OnProgress, Pending, Worker
from interop.workers.tensors import read_tensors, write_tensors

__all__ = ["OnProgress", "Pending", "Worker", "read_tensors", "write_tensors"]
