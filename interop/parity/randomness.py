"""Models that draw random numbers: they have no true outputs, so their distributions are compared.

Runs of either side are draws. Element by element that would need thousands of runs; pooled over the
elements of an output a few are enough to see another distribution, spread or mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto
from onnx import numpy_helper as nph

from interop.errors import ParityFailed
from interop.parity.groups import Array
from interop.parity.settings import subgraphs

RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform",
     "RandomUniformLike"}
)  # fmt: skip

#: Two samples of one distribution exceed this value of Kolmogorov's statistic once in a million.
LEVEL = 1e-6


def random_nodes(model: ModelProto) -> tuple[NodeProto, ...]:
    """The nodes whose output is drawn, those inside subgraphs too; Dropout and others that train."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}

    def training(name: str) -> bool:
        return name not in constants or bool(nph.to_array(constants[name]).any())

    return tuple(node for node in _nodes(model.graph) if _is_random(node, training))


def _is_random(node: NodeProto, training: Any) -> bool:
    if node.op_type in RANDOM or any(a.name == "training_mode" and a.i for a in node.attribute):
        return True
    dropout = node.op_type == "Dropout" and len(node.input) > 2 and bool(node.input[2])
    return dropout and bool(training(node.input[2]))


def _nodes(graph: GraphProto) -> Iterator[NodeProto]:
    for node in graph.node:
        yield node
        for subgraph in subgraphs(node):
            yield from _nodes(subgraph)


@dataclass(frozen=True)
class Distributions:
    """Two samples of one output: the greatest distance of their distribution functions (0 to 1),
    and the one that two samples of the same distribution do not exceed."""

    name: str
    distance: float
    limit: float

    @property
    def agree(self) -> bool:
        return self.distance <= self.limit

    @property
    def reason(self) -> str:
        verdict = "the same distribution" if self.agree else "another distribution"
        return (
            f"its values are random, so only their distribution is compared: {verdict} "
            f"(Kolmogorov-Smirnov distance {self.distance:.3g}, limit {self.limit:.3g})"
        )


def compare_distributions(
    name: str, reference: Sequence[Array], candidate: Sequence[Array]
) -> Distributions:
    """Draws of one output from either side (any number of runs, whose elements are pooled).

    The two-sample test of Kolmogorov and Smirnov. Raises ParityFailed where a side has no finite
    number, or shapes or types differ.
    """
    kinds = {(run.shape, run.dtype.name) for run in (*reference, *candidate)}
    if len(kinds) > 1:
        raise ParityFailed(
            f"output {name!r} has draws of several shapes or types: {sorted(map(str, kinds))}",
            hint="Both sides must be run on the same inputs.",
        )
    first, second = (
        np.sort(np.concatenate([np.ravel(run).astype(np.float64) for run in side] or [np.empty(0)]))
        for side in (reference, candidate)
    )
    if not (np.isfinite(first).any() and np.isfinite(second).any()):
        raise ParityFailed(
            f"output {name!r} has no finite value to compare", hint="Run it at least once."
        )
    values = np.concatenate([first, second])
    below = [np.searchsorted(side, values, side="right") / side.size for side in (first, second)]
    distance = float(np.max(np.abs(below[0] - below[1])))
    size = first.size * second.size / (first.size + second.size)
    return Distributions(name, distance, math.sqrt(-math.log(LEVEL / 2) / 2 / size))
