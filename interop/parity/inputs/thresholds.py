"""Where the operators of a model change their behaviour: the values that inputs should lie on both
sides of, for a converter that gets the other side wrong to be found out.

One row an operator. Beside what the ONNX operator specification says of it, a row may name where
a *usual substitute* departs: ReLU and ReLU6 are equal up to 6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto

from interop.parity.inputs.flat import FLOATS, INTEGERS, Flat, attribute, flatten
from interop.parity.settings import reads, subgraphs


@dataclass(frozen=True)
class Threshold:
    """Value `at` of tensor `tensor`, which `node` (its name, or else its output's) reads.

    Of a `pair` of tensors it is the difference that has the threshold; of a `truth` value, which
    is what a comparison gives, both values are wanted.
    """

    node: str
    operator: str
    tensor: str
    at: float
    pair: str = ""

    @property
    def margin(self) -> float:
        """How far beyond it is clearly beyond: an eighth of its size."""
        return abs(self.at) / 8

    def __str__(self) -> str:
        what = f"{self.tensor} - {self.pair}" if self.pair else self.tensor
        return f"{self.operator} {self.node!r}: {what} at {self.at:g}"


#: Beyond these, float32 cannot tell the result from its limit: 24 bits, or half as far for tanh.
SIGMOID_LIMIT = 24 * np.log(2)
TANH_LIMIT = SIGMOID_LIMIT / 2
ERF_LIMIT = 4.0

#: Beyond it exp overflows in float32: a Softmax or tanh written without care gives NaN.
EXP_LIMIT = 128 * np.log(2)

#: A finding: (input position, value). The constants are by name, as far as they are single numbers.
Points = Iterable[tuple[int, float]]
Rule = Callable[[NodeProto, Flat], Points]


def _fixed(*values: float) -> Rule:
    return lambda node, flat: [(0, value) for value in values]


def _clip(node: NodeProto, flat: Flat) -> Points:
    limits = [flat.constants.get(name) for name in node.input[1:3] if name]
    return [(0, float(limit)) for limit in limits if limit is not None and np.isfinite(limit)]


def _hard_sigmoid(node: NodeProto, flat: Flat) -> Points:
    alpha, beta = attribute(node, "alpha", 0.2), attribute(node, "beta", 0.5)
    return [(0, -beta / alpha), (0, (1 - beta) / alpha)] if alpha else []


def _shrink(node: NodeProto, flat: Flat) -> Points:
    limit = attribute(node, "lambd", 0.5)
    return [(0, -limit), (0, limit)]


def _whole_signs(node: NodeProto, flat: Flat) -> Points:
    """Division and remainder of whole numbers round one way or another below zero."""
    whole = flat.types.get(node.input[0]) in INTEGERS
    return [(position, 0.0) for position in (0, 1) if whole or node.op_type == "Mod"]


def _truncation(node: NodeProto, flat: Flat) -> Points:
    """A float made an integer loses its fraction towards zero."""
    whole = attribute(node, "to", 0) in INTEGERS
    return [(0, 0.0)] if whole and flat.types.get(node.input[0]) in FLOATS else []


RULES: Mapping[str, Rule] = {
    "Abs": _fixed(0),
    "Cast": _truncation,
    "Ceil": _fixed(0),
    "Celu": _fixed(0),
    "Clip": _clip,
    "Div": _whole_signs,
    "Elu": _fixed(0),
    "Erf": _fixed(-ERF_LIMIT, ERF_LIMIT),
    "Floor": _fixed(0),
    "Gelu": _fixed(-ERF_LIMIT * np.sqrt(2), 0, ERF_LIMIT * np.sqrt(2)),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _fixed(-3, 3),
    "LeakyRelu": _fixed(0),
    "LogSoftmax": _fixed(EXP_LIMIT),
    "Mish": _fixed(0, 20, EXP_LIMIT),  # softplus inside
    "Mod": _whole_signs,
    "PRelu": _fixed(0),
    "Relu": _fixed(0, 6),  # 6: ReLU6
    "Round": _fixed(0),
    "Selu": _fixed(0),
    "Shrink": _shrink,
    "Sigmoid": _fixed(-SIGMOID_LIMIT, SIGMOID_LIMIT),
    "Sign": _fixed(0),
    "Softmax": _fixed(EXP_LIMIT),
    "Softplus": _fixed(0, 20, EXP_LIMIT),  # 20: where PyTorch goes on as a straight line
    "Softsign": _fixed(0),
    "Swish": _fixed(-SIGMOID_LIMIT, SIGMOID_LIMIT),
    "Tanh": _fixed(-TANH_LIMIT, TANH_LIMIT, EXP_LIMIT),
    "ThresholdedRelu": lambda node, flat: [(0, attribute(node, "alpha", 1.0))],
}

#: What gives a boolean of numbers: both answers are wanted.
COMPARISONS = frozenset({"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"})

#: The larger or smaller of two: each should win somewhere.
CHOICES = frozenset({"Max", "Min"})


def thresholds(model: ModelProto) -> tuple[Threshold, ...]:
    """The thresholds of the nodes of the main graph of a canonical model, in its order; what is
    calculated from constants alone has none."""
    flat = flatten(model)
    varying = _varying(model)
    found = [one for node in model.graph.node for one in _of_node(node, flat, varying)]
    return tuple(dict.fromkeys(found))


def hidden(model: ModelProto) -> tuple[str, ...]:
    """Nodes with thresholds that lie in the bodies of If, Loop and Scan, where nothing is seen."""
    names: list[str] = []
    for node in model.graph.node:
        for body in subgraphs(node):
            inner = ModelProto(graph=body)
            names += [f"{node.name or node.output[0]}/{_name(n)}" for n in body.node if _has(n)]
            names += [f"{node.name or node.output[0]}/{deeper}" for deeper in hidden(inner)]
    return tuple(names)


def _has(node: NodeProto) -> bool:
    return node.op_type in RULES or node.op_type in COMPARISONS or node.op_type in CHOICES


def _name(node: NodeProto) -> str:
    return node.name or node.output[0]


def _of_node(node: NodeProto, flat: Flat, varying: set[str]) -> list[Threshold]:
    if node.op_type in COMPARISONS and node.output[0] in varying:
        return [Threshold(_name(node), node.op_type, node.output[0], 0.5)]
    if node.op_type in CHOICES and len(node.input) == 2 and node.output[0] in varying:
        return [Threshold(_name(node), node.op_type, node.input[0], 0.0, node.input[1])]
    points: Any = RULES.get(node.op_type, _fixed())(node, flat)
    return [
        Threshold(_name(node), node.op_type, node.input[position], float(at))
        for position, at in points
        if node.input[position] in varying
    ]


def _varying(model: ModelProto) -> set[str]:
    """Values of the main graph that depend on an input's elements, not on its shape alone."""
    varying = {value.name for value in model.graph.input}
    for node in model.graph.node:
        if node.op_type not in ("Shape", "Size") and varying & reads(node):
            varying.update(node.output)
    return varying
