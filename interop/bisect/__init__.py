"""Bisection: which node of a model first goes wrong, on a backend or in another graph.

candidate.py   what runs the pieces: a backend, or ONNX Runtime here
pieces.py      pieces of a graph: from some of its values to others; many of them side by side
units.py       two graphs value by value: what of the one stands for what of the other
weights.py     their weights, one by one
changes.py     their nodes, as written: what stands in one alone
measure.py     a piece on the candidate, held against its own float64 truth and float32 floor
reference.py   the reference values that pieces are fed with, kept on disk
layers.py      every node by itself: the whole profile
search.py      prefixes of the model, halved over its narrowest places; windows
run.py         all of it in order, and what was found
reproducer.py  the smallest model that still shows it, in a folder of its own

What is measured stays as it is: pieces are cut out of the graph and fed with reference values, and
what they say is confirmed on the whole.
"""

from interop.bisect.candidate import Executor, OnnxRuntime
from interop.bisect.run import Bisection, Finding, bisect, profile

__all__ = ["Bisection", "Executor", "Finding", "OnnxRuntime", "bisect", "profile"]
