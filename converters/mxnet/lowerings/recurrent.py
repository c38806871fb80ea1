"""LSTM, GRU and RNN by MXNet's fused operator, whose weights are one flat vector."""

from __future__ import annotations

from typing import Any

import numpy

from interop.source.activations import DEFAULT, activation_names
from interop.source.expression import Symbol
from interop.source.values import Constant, Refusal, Unpack, Value

#: ONNX's gates → the order of MXNet's: i, o, f, c → i, f, c, o; z, r, h → r, z, h.
_GATES = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}


def lstm(
    x: Value, w: Value, r: Value, b: Value | None = None, lengths: Value | None = None,
    initial_h: Value | None = None, initial_c: Value | None = None, p: Value | None = None, *,
    activation_alpha: list[float] | None = None, activation_beta: list[float] | None = None,
    activations: list[str] | None = None, clip: float | None = None, direction: str = "forward",
    hidden_size: int | None = None, input_forget: int = 0, layout: int = 0,
) -> Unpack:  # fmt: skip
    if p is not None or input_forget or clip:
        raise Refusal("MXNet's LSTM has no peepholes, clipping or coupled gates")
    _usual("LSTM", activations, direction)
    return _fused("LSTM", "lstm", x, w, r, b, lengths, (initial_h, initial_c), direction, layout)


def gru(
    x: Value, w: Value, r: Value, b: Value | None = None, lengths: Value | None = None,
    initial_h: Value | None = None, *, activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None, activations: list[str] | None = None,
    clip: float | None = None, direction: str = "forward", hidden_size: int | None = None,
    layout: int = 0, linear_before_reset: int = 0,
) -> Unpack:  # fmt: skip
    if clip:
        raise Refusal("MXNet's GRU has no clipping")
    biased = b is not None and (b.constant is None or b.constant.any())
    if not linear_before_reset:
        raise Refusal("MXNet's GRU resets after the product" + (" and its bias" if biased else ""))
    _usual("GRU", activations, direction)
    return _fused("GRU", "gru", x, w, r, b, lengths, (initial_h,), direction, layout)


def rnn(
    x: Value, w: Value, r: Value, b: Value | None = None, lengths: Value | None = None,
    initial_h: Value | None = None, *, activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None, activations: list[str] | None = None,
    clip: float | None = None, direction: str = "forward", hidden_size: int | None = None,
    layout: int = 0,
) -> Unpack:  # fmt: skip
    if clip:
        raise Refusal("MXNet's RNN has no clipping")
    names = set(activation_names("RNN", activations, direction))
    if names not in ({"Tanh"}, {"Relu"}):
        raise Refusal(f"MXNet's RNN has no activation {', '.join(sorted(names))}")
    mode = "rnn_tanh" if names == {"Tanh"} else "rnn_relu"
    return _fused("RNN", mode, x, w, r, b, lengths, (initial_h,), direction, layout)


def _usual(kind: str, activations: list[str] | None, direction: str) -> None:
    names = activation_names(kind, activations, direction)
    if names != activation_names(kind, None, direction):
        raise Refusal(f"MXNet's {kind} has other activations than {', '.join(DEFAULT[kind])}")


def _fused(
    kind: str, mode: str, x: Value, w: Value, r: Value, b: Value | None, lengths: Value | None,
    states: tuple[Value | None, ...], direction: str, layout: int,
) -> Unpack:  # fmt: skip
    if not isinstance(w, Constant) or not isinstance(r, Constant):
        raise Refusal("the weights must be constant")
    if b is not None and not isinstance(b, Constant):
        raise Refusal("the biases must be constant")
    if lengths is not None and not _all_steps(lengths, x.dim(1 if layout else 0)):
        raise Refusal("sequences of different lengths")
    if x.known_dtype != "float32":
        raise Refusal(f"a recurrent layer of {x.known_dtype}")
    directions, hidden = w.constant.shape[0], r.constant.shape[-1]
    weights = w.derived("packed", _packed(kind, w.constant, r.constant, b and b.constant))
    given: list[Any] = list(states)
    call = Symbol("recurrent")(
        x, weights, given, mode=mode, hidden=hidden, directions=directions,
        backwards=direction == "reverse", batch_first=bool(layout),
    )  # fmt: skip
    return Unpack(call, 1 + len(states))


def _all_steps(lengths: Value, steps: int | None) -> bool:
    constant = lengths.constant
    return constant is not None and steps is not None and bool((constant == steps).all())


def _packed(
    kind: str, w: numpy.ndarray, r: numpy.ndarray, b: numpy.ndarray | None
) -> numpy.ndarray:
    """[directions, gates · hidden, …] as MXNet's vector: all weights, then all biases."""
    order, hidden = _GATES[kind], r.shape[-1]

    def ordered(array: numpy.ndarray) -> numpy.ndarray:
        return numpy.concatenate([array[g * hidden : (g + 1) * hidden] for g in order])

    gates = len(order) * hidden
    biases = numpy.zeros((w.shape[0], 2 * gates), w.dtype) if b is None else b
    parts = [ordered(m) for i in range(w.shape[0]) for m in (w[i], r[i])]
    parts += [ordered(v) for i in range(w.shape[0]) for v in (biases[i, :gates], biases[i, gates:])]
    return numpy.concatenate([part.reshape(-1) for part in parts])
