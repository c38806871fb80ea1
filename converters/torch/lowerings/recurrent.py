"""LSTM, GRU and RNN: torch's own where it has the options, a loop over time elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from interop.converters.torch.lowerings.common import torch

from interop.source.activations import activation_calls, activation_names
from interop.source.expression import Expression, Symbol
from interop.source.printer import Node
from interop.source.values import Constant, Unpack, Value

#: Where torch's gates stand in ONNX's order: iofc → ifgo, zrh → rzn.
_GATES = {"lstm": (0, 2, 3, 1), "gru": (1, 0, 2), "rnn": (0,)}


def lstm(
    x: Value, w: Value, r: Value, b: Value | None = None, lengths: Value | None = None,
    initial_h: Value | None = None, initial_c: Value | None = None, p: Value | None = None, *,
    activation_alpha: list[float] | None = None, activation_beta: list[float] | None = None,
    activations: list[str] | None = None, clip: float | None = None, direction: str = "forward",
    hidden_size: int | None = None, input_forget: int = 0, layout: int = 0, node: Node,
) -> Any:  # fmt: skip
    names = activation_names("LSTM", activations, direction)
    usual = names == activation_names("LSTM", None, direction) and clip is None and lengths is None
    if usual and not input_forget and p is None and not layout:
        state = (initial_h, initial_c)
        return _native("lstm", x, w, r, b, state, direction, node, 3)
    call = Symbol("lstm")(
        x, w, r, b, lengths, initial_h, initial_c, p, direction=direction,
        activations=activation_calls("LSTM", names, activation_alpha, activation_beta), clip=clip,
        input_forget=bool(input_forget), batch_first=bool(layout),
    )  # fmt: skip
    return Unpack(call, 3)


def gru(
    x: Value, w: Value, r: Value, b: Value | None = None, lengths: Value | None = None,
    initial_h: Value | None = None, *, activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None, activations: list[str] | None = None,
    clip: float | None = None, direction: str = "forward", hidden_size: int | None = None,
    layout: int = 0, linear_before_reset: int = 0, node: Node,
) -> Any:  # fmt: skip
    names = activation_names("GRU", activations, direction)
    usual = names == activation_names("GRU", None, direction) and clip is None and lengths is None
    if usual and linear_before_reset and not layout:
        return _native("gru", x, w, r, b, (initial_h,), direction, node, 2)
    call = Symbol("gru")(
        x, w, r, b, lengths, initial_h, direction=direction,
        activations=activation_calls("GRU", names, activation_alpha, activation_beta), clip=clip,
        batch_first=bool(layout), linear_before_reset=bool(linear_before_reset),
    )  # fmt: skip
    return Unpack(call, 2)


def rnn(
    x: Value, w: Value, r: Value, b: Value | None = None, lengths: Value | None = None,
    initial_h: Value | None = None, *, activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None, activations: list[str] | None = None,
    clip: float | None = None, direction: str = "forward", hidden_size: int | None = None,
    layout: int = 0, node: Node,
) -> Any:  # fmt: skip
    names = activation_names("RNN", activations, direction)
    if set(names) in ({"Tanh"}, {"Relu"}) and clip is None and lengths is None and not layout:
        kind = f"rnn_{names[0].lower()}"
        return _native(kind, x, w, r, b, (initial_h,), direction, node, 2)
    call = Symbol("rnn")(
        x, w, r, b, lengths, initial_h, direction=direction,
        activations=activation_calls("RNN", names, activation_alpha, activation_beta), clip=clip,
        batch_first=bool(layout),
    )  # fmt: skip
    return Unpack(call, 2)


def _native(
    kind: str, x: Value, w: Value, r: Value, b: Value | None, state: tuple[Value | None, ...],
    direction: str, node: Node, count: int,
) -> Unpack:  # fmt: skip
    """torch.lstm and its like over [time, batch, features]."""
    order = _GATES[kind.split("_")[0]]
    directions = 2 if direction == "bidirectional" else 1
    weights: list[Any] = []
    for i in range(directions):
        weights += [_ordered(w, i, order, "input"), _ordered(r, i, order, "hidden")]
        if b is not None:
            weights += [_ordered(b, i, order, "bias_input"), _ordered(b, i, order, "bias_hidden")]
    call = Symbol("recurrent")(getattr(torch, kind), x, weights, list(state), r.size(-1), direction)
    return Unpack(call, count)


def _ordered(weight: Value, direction: int, order: tuple[int, ...], role: str) -> Any:
    """One direction of [directions, gates · hidden, …], its gates in torch's order."""
    gates = len(order)
    if isinstance(weight, Constant):
        array = weight.constant[direction]
        if role.startswith("bias"):
            array = np.split(array, 2)[role == "bias_hidden"]
        parts = np.split(array, gates)
        variant = f"{role}_{direction}"
        return weight.stored(np.concatenate([parts[i] for i in order]), variant)
    part: Expression = weight[direction]
    if role.startswith("bias"):
        part = part.method("chunk", 2)[int(role == "bias_hidden")]
    if gates == 1:
        return part
    return Symbol("ordered")(part, list(order))
