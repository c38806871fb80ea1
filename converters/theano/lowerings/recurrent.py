"""LSTM, GRU and RNN: one theano.scan over time for each direction."""

from __future__ import annotations

from typing import Any

from interop.converters.theano.lowerings.common import number

from interop.source.activations import activation_calls, activation_names
from interop.source.expression import Expression, Symbol
from interop.source.values import Refusal, Unpack, Value


def lstm(
    x: Value, w: Value, r: Value, b: Value | None = None, lengths: Value | None = None,
    initial_h: Value | None = None, initial_c: Value | None = None, p: Value | None = None, *,
    activation_alpha: list[float] | None = None, activation_beta: list[float] | None = None,
    activations: list[str] | None = None, clip: float | None = None, direction: str = "forward",
    hidden_size: int | None = None, input_forget: int = 0, layout: int = 0,
) -> Unpack:  # fmt: skip
    if p is not None or input_forget:
        raise Refusal("peepholes or coupled gates")
    functions = _functions(
        "LSTM", x, activations, activation_alpha, activation_beta, clip, direction
    )
    call = Symbol("lstm")(
        x,
        w,
        r,
        b,
        lengths,
        [initial_h, initial_c],
        _hidden(r),
        functions,
        direction == "reverse",
        bool(layout),
    )
    return Unpack(call, 3)


def gru(
    x: Value, w: Value, r: Value, b: Value | None = None, lengths: Value | None = None,
    initial_h: Value | None = None, *, activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None, activations: list[str] | None = None,
    clip: float | None = None, direction: str = "forward", hidden_size: int | None = None,
    layout: int = 0, linear_before_reset: int = 0,
) -> Unpack:  # fmt: skip
    functions = _functions(
        "GRU", x, activations, activation_alpha, activation_beta, clip, direction
    )
    call = Symbol("gru")(
        x, w, r, b, lengths, [initial_h], _hidden(r), functions, direction == "reverse", bool(layout),
        bool(linear_before_reset),
    )  # fmt: skip
    return Unpack(call, 2)


def rnn(
    x: Value, w: Value, r: Value, b: Value | None = None, lengths: Value | None = None,
    initial_h: Value | None = None, *, activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None, activations: list[str] | None = None,
    clip: float | None = None, direction: str = "forward", hidden_size: int | None = None,
    layout: int = 0,
) -> Unpack:  # fmt: skip
    functions = _functions(
        "RNN", x, activations, activation_alpha, activation_beta, clip, direction
    )
    call = Symbol("rnn")(
        x,
        w,
        r,
        b,
        lengths,
        [initial_h],
        _hidden(r),
        functions,
        direction == "reverse",
        bool(layout),
    )
    return Unpack(call, 2)


def _hidden(r: Value) -> int:
    size = r.dim(2)
    if size is None:
        raise Refusal("the size of its state must be known")
    return size


_OWN = {"Sigmoid": "T.nnet.sigmoid", "Tanh": "T.tanh"}


def _functions(
    kind: str, x: Value, names: list[str] | None, alphas: list[float] | None,
    betas: list[float] | None, clip: float | None, direction: str,
) -> list[list[Expression]]:  # fmt: skip
    """For each direction its activations, as functions."""
    if x.known_dtype not in ("float32", "float64"):
        raise Refusal(f"a recurrent layer of {x.known_dtype}")
    if clip:
        raise Refusal("clipping")
    given: Any = activation_names(kind, names, direction)
    found = []
    for calls in activation_calls(kind, given, alphas, betas):
        for name, *_ in calls:
            if name not in (*_OWN, "Relu"):
                raise Refusal(f"the activation {name}")
        zero = number(0, x.known_dtype).text
        found.append(
            [
                Expression(_OWN.get(str(name), f"lambda x: T.maximum(x, {zero})"))
                for name, *_ in calls
            ]
        )
    return found
