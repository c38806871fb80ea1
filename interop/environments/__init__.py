"""Interpreters and packages for the workers: found where they are, made where they are not."""

from interop.environments.provide import Environment, provide
from interop.environments.store import Store

__all__ = ["Environment", "Store", "provide"]
