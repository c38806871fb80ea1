"""Where a model can be run: one grammar, one table, one way to run there.

grammar.py    `runtime[@version]:device[:precision]` as a Backend, checked against the table
table.py      the runtimes, a row each: devices, precisions, where they run, what they take
typed.py      the model in another precision, where that is what a backend computes in
engines.py    what TensorRT builds of it, kept in the user's cache; profiles.py: for which sizes
artifacts.py  canonical ONNX → what a runtime that takes no ONNX runs, made once
runner.py     a worker process that holds a model on one backend
"""

from interop.backends.grammar import Backend, parse, parse_list
from interop.backends.runner import Runner, open_runner
from interop.backends.table import Place, Runtime, runtimes

__all__ = [
    "Backend",
    "Place",
    "Runner",
    "Runtime",
    "open_runner",
    "parse",
    "parse_list",
    "runtimes",
]
