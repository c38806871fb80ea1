"""RNN, GRU and LSTM in all their options, as a Scan over time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir

from interop.graph.decompositions.builder import Builder, Operator, dtype, sizes
from interop.source.values import Refusal

#: A function of one gate's input.
Function = Callable[[Builder, ir.Value], ir.Value]

_DEFAULTS = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}

#: Those that take an alpha and a beta, with the values that they have where none are given.
_PARAMETERS: dict[str, tuple[float | None, float | None]] = {
    "Affine": (1.0, 0.0),
    "Elu": (1.0, None),
    "HardSigmoid": (0.2, 0.5),
    "LeakyRelu": (0.01, None),
    "ScaledTanh": (1.0, 1.0),
    "ThresholdedRelu": (1.0, None),
}
_PLAIN = ("Relu", "Sigmoid", "Softplus", "Softsign", "Tanh")


def _function(name: str, alpha: float, beta: float) -> Function:
    if name == "Affine":
        return lambda op, x: op.Add(op.Mul(x, alpha), beta)
    if name == "ScaledTanh":
        return lambda op, x: op.Mul(op.Tanh(op.Mul(x, beta)), alpha)
    if name == "HardSigmoid":
        return lambda op, x: op.HardSigmoid(x, alpha=alpha, beta=beta)
    if name in _PARAMETERS:
        return lambda op, x: getattr(op, name)(x, alpha=alpha)
    if name in _PLAIN:
        return lambda op, x: getattr(op, name)(x)
    raise Refusal(f"the activation {name}")


def _functions(node: Operator, kind: str, directions: int) -> list[list[Function]]:
    """A list of functions a direction. Alphas and betas are used up in the order of who takes them."""
    given = node.attribute("activations") or _DEFAULTS[kind] * directions
    names = [name.decode() if isinstance(name, bytes) else name for name in given]
    named = {known.lower(): known for known in (*_PARAMETERS, *_PLAIN)}
    alphas = list(node.attribute("activation_alpha") or [])
    betas = list(node.attribute("activation_beta") or [])
    made = []
    for name in (named.get(one.lower(), one) for one in names):
        alpha, beta = _PARAMETERS.get(name, (None, None))
        if alpha is not None and alphas:
            alpha = float(alphas.pop(0))
        if beta is not None and betas:
            beta = float(betas.pop(0))
        made.append(_function(name, alpha or 0.0, beta or 0.0))
    each = len(_DEFAULTS[kind])
    return [made[i * each : (i + 1) * each] for i in range(directions)]


class _Cell:
    """The weights of one direction, laid out for x · W; gates along the last axis."""

    def __init__(self, op: Builder, node: Operator, kind: str, index: int) -> None:
        def part(place: int) -> ir.Value | None:
            value = node.get(place)
            return None if value is None else op.Gather(value, index, axis=0)

        own = sizes(node[2])[2]
        hidden = node.attribute("hidden_size") or own
        if hidden is None:
            raise Refusal("the number of hidden units is not known")
        self.hidden = int(hidden)
        self.w, self.r = (
            op.Transpose(op.Gather(node[i], index, axis=0), perm=[1, 0]) for i in (1, 2)
        )
        self.bias, self.peepholes = part(3), part(7) if kind == "LSTM" else None
        self.gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]
        self.clip = node.attribute("clip")

    def input_bias(self, op: Builder) -> ir.Value | None:
        count = self.gates * self.hidden
        return None if self.bias is None else op.slice(self.bias, 0, 0, count)

    def recurrent_bias(self, op: Builder) -> ir.Value | None:
        count = self.gates * self.hidden
        return None if self.bias is None else op.slice(self.bias, 0, count, 2 * count)

    def gate(self, op: Builder, x: ir.Value, index: int, axis: int = -1) -> ir.Value:
        return op.slice(x, axis, index * self.hidden, (index + 1) * self.hidden)

    def limited(self, op: Builder, x: ir.Value) -> ir.Value:
        if not self.clip:
            return x
        return op.Min(op.Max(x, -float(self.clip)), float(self.clip))  # type: ignore[no-any-return]


#: (body, cell, functions, this step's input · W + bias, states) → new states.
Step = Callable[[Builder, _Cell, list[Function], ir.Value, list[ir.Value]], list[ir.Value]]


def lstm(op: Builder, node: Operator) -> list[ir.Value | None]:
    coupled = bool(node.attribute("input_forget", 0))

    def step(
        body: Builder, cell: _Cell, functions: list[Function], x: ir.Value, states: list[ir.Value]
    ) -> list[ir.Value]:
        (h, c), (f, g, out) = states, functions
        whole = body.Add(x, body.MatMul(h, cell.r))
        i_gate, o_gate, f_gate, c_gate = (cell.gate(body, whole, i) for i in range(4))
        p = cell.peepholes
        if p is not None:
            i_gate = body.Add(i_gate, body.Mul(cell.gate(body, p, 0, 0), c))
            f_gate = body.Add(f_gate, body.Mul(cell.gate(body, p, 2, 0), c))
        entry = f(body, cell.limited(body, i_gate))
        kept = body.Sub(1.0, entry) if coupled else f(body, cell.limited(body, f_gate))
        fresh = g(body, cell.limited(body, c_gate))
        c = body.Add(body.Mul(kept, c), body.Mul(entry, fresh))
        if p is not None:
            o_gate = body.Add(o_gate, body.Mul(cell.gate(body, p, 1, 0), c))
        return [body.Mul(f(body, cell.limited(body, o_gate)), out(body, c)), c]

    return _recurrent(op, node, "LSTM", 2, step, whole_bias=True)


def gru(op: Builder, node: Operator) -> list[ir.Value | None]:
    after = bool(node.attribute("linear_before_reset", 0))

    def step(
        body: Builder, cell: _Cell, functions: list[Function], x: ir.Value, states: list[ir.Value]
    ) -> list[ir.Value]:
        (h,), (f, g), size = states, functions, cell.hidden
        bias = cell.recurrent_bias(body)
        both = body.MatMul(h, body.slice(cell.r, 1, 0, 2 * size))
        if bias is not None:
            both = body.Add(both, body.slice(bias, 0, 0, 2 * size))
        gates = f(body, cell.limited(body, body.Add(body.slice(x, -1, 0, 2 * size), both)))
        z, reset = cell.gate(body, gates, 0), cell.gate(body, gates, 1)
        last = body.slice(cell.r, 1, 2 * size, 3 * size)
        part = body.MatMul(h if after else body.Mul(reset, h), last)
        if bias is not None:
            part = body.Add(part, cell.gate(body, bias, 2, 0))
        part = body.Mul(reset, part) if after else part
        fresh = g(body, cell.limited(body, body.Add(cell.gate(body, x, 2), part)))
        return [body.Add(body.Mul(body.Sub(1.0, z), fresh), body.Mul(z, h))]

    return _recurrent(op, node, "GRU", 1, step, whole_bias=False)


def rnn(op: Builder, node: Operator) -> list[ir.Value | None]:
    def step(
        body: Builder, cell: _Cell, functions: list[Function], x: ir.Value, states: list[ir.Value]
    ) -> list[ir.Value]:
        whole = body.Add(x, body.MatMul(states[0], cell.r))
        return [functions[0](body, cell.limited(body, whole))]

    return _recurrent(op, node, "RNN", 1, step, whole_bias=True)


def _recurrent(
    op: Builder, node: Operator, kind: str, count: int, step: Step, whole_bias: bool
) -> list[ir.Value | None]:
    """ONNX's outputs, None where not asked for.

    whole_bias: the recurrent bias can be added once, together with the input's.
    """
    direction = node.attribute("direction", "forward")
    direction = direction.decode() if isinstance(direction, bytes) else direction
    batch_first = bool(node.attribute("layout", 0))
    x = op.Transpose(node[0], perm=[1, 0, 2]) if batch_first else node[0]
    lengths = node.get(4)
    directions = 2 if direction == "bidirectional" else 1
    functions = _functions(node, kind, directions)
    sequences, finals = [], []
    for index in range(directions):
        cell = _Cell(op, node, kind, index)
        projected = op.MatMul(x, cell.w)
        for bias in (cell.input_bias(op), cell.recurrent_bias(op) if whole_bias else None):
            projected = projected if bias is None else op.Add(projected, bias)
        states = [_initial(op, node, 5 + i, index, batch_first, x, cell) for i in range(count)]
        backwards = direction == "reverse" or index == 1
        if backwards and lengths is not None:
            projected = op.ReverseSequence(
                projected, op.cast(lengths, np.int64), time_axis=0, batch_axis=1
            )
        turned = backwards and lengths is None
        y, final = _scan(op, cell, functions[index], projected, lengths, states, turned, step)
        if backwards and lengths is not None:
            y = op.ReverseSequence(y, op.cast(lengths, np.int64), time_axis=0, batch_axis=1)
        sequences.append(op.Unsqueeze(y, [1]))
        finals.append([op.Unsqueeze(state, [0]) for state in final])
    whole = sequences[0] if directions == 1 else op.Concat(*sequences, axis=1)
    last = [
        parts[0] if directions == 1 else op.Concat(*parts, axis=0)
        for parts in zip(*finals, strict=True)
    ]
    if batch_first:
        whole = op.Transpose(whole, perm=[2, 0, 1, 3])
        last = [op.Transpose(state, perm=[1, 0, 2]) for state in last]
    return [made if node.uses(i) else None for i, made in enumerate([whole, *last])][: node.outputs]


def _initial(
    op: Builder, node: Operator, place: int, index: int, batch_first: bool, x: ir.Value, cell: _Cell
) -> ir.Value:
    given = node.get(place)
    if given is not None:
        return op.Gather(given, index, axis=1 if batch_first else 0)  # type: ignore[no-any-return]
    zero = op.constant(np.zeros((), dtype(node[0]).numpy()))
    shape = sizes(node[0])[0 if batch_first else 1]
    batch = op.constant([shape]) if shape is not None else op.size(x, 1)
    return op.Expand(zero, op.vector(batch, cell.hidden))  # type: ignore[no-any-return]


def _scan(
    op: Builder, cell: _Cell, functions: list[Function], x: ir.Value, lengths: ir.Value | None,
    states: list[ir.Value], backwards: bool, step: Step,
) -> tuple[ir.Value, list[ir.Value]]:  # fmt: skip
    """The outputs of every step, and the last states. Past a row's length both stand still."""
    number = len(op.nodes)
    body, name, kind = Builder(f"{op.prefix}/body_{number}"), f"{op.prefix}/scan_{number}", dtype(x)
    size, type_ = cell.hidden, kind
    inner = [ir.val(f"{name}/state_{i}", type_, [None, size]) for i in range(len(states))]
    entry = ir.val(f"{name}/x", type_, [None, cell.gates * size])
    time = ir.val(f"{name}/time", ir.DataType.INT64, [])
    new = step(body, cell, functions, entry, list(inner))
    output = new[0]
    if lengths is not None:
        running = body.Unsqueeze(body.Less(time, body.cast(lengths, np.int64)), [1])
        output = body.Where(running, new[0], body.Mul(new[0], 0.0))
        new = [body.Where(running, a, b) for a, b in zip(new, inner, strict=True)]
    outputs = [body.Identity(value) for value in (*new, output)]
    for value in outputs:
        value.type, value.shape = ir.TensorType(kind), ir.Shape([None, size])
    op.initializers += body.initializers
    scanned: list[Any] = [x] if lengths is None else [x, op.range(op.Shape(x, start=0, end=1))]
    inputs = [*inner, entry] if lengths is None else [*inner, entry, time]
    graph = ir.Graph(inputs, outputs, nodes=body.nodes, name=name)
    turned: dict[str, list[int]] = {}
    if backwards:
        turned = {"scan_input_directions": [1] * len(scanned), "scan_output_directions": [1]}
    made = op.Scan(
        *states, *scanned, body=graph, num_scan_inputs=len(scanned), outputs=len(outputs), **turned
    )
    for value, inside in zip(made, outputs, strict=True):
        value.type = inside.type
    made[-1].shape = ir.Shape([sizes(x)[0] if x.shape is not None else None, None, size])
    return made[-1], list(made[:-1])
