"""LSTM, GRU and RNN. Weights are rearranged once, at conversion, into what the loop multiplies."""

from __future__ import annotations

from typing import Any

import numpy as np
from interop.converters.tensorflow.lowerings.common import tf

from interop.source.expression import Expression, Symbol
from interop.source.values import Constant, Refusal, Unpack, Value

_DEFAULT = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}
_FUNCTIONS = {
    "Sigmoid": tf.sigmoid, "Tanh": tf.tanh, "Relu": tf.nn.relu, "Softsign": tf.nn.softsign,
    "Softplus": tf.nn.softplus,
}  # fmt: skip


def lstm(
    x: Value, w: Value, r: Value, b: Value | None = None, lengths: Value | None = None,
    initial_h: Value | None = None, initial_c: Value | None = None, p: Value | None = None, *,
    activation_alpha: list[float] | None = None, activation_beta: list[float] | None = None,
    activations: list[str] | None = None, clip: float | None = None, direction: str = "forward",
    hidden_size: int | None = None, input_forget: int = 0, layout: int = 0,
) -> Unpack:  # fmt: skip
    if input_forget:
        raise Refusal("a coupled input and forget gate is not covered")
    functions = _activations("LSTM", activations, direction, activation_alpha)
    return Unpack(
        Symbol("lstm")(
            x,
            _swapped(w),
            _swapped(r),
            b,
            lengths,
            initial_h,
            initial_c,
            p,
            direction=direction,
            activations=functions,
            clip=clip,
            batch_first=bool(layout),
        ),
        3,
    )


def gru(
    x: Value, w: Value, r: Value, b: Value | None = None, lengths: Value | None = None,
    initial_h: Value | None = None, *, activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None, activations: list[str] | None = None,
    clip: float | None = None, direction: str = "forward", hidden_size: int | None = None,
    layout: int = 0, linear_before_reset: int = 0,
) -> Unpack:  # fmt: skip
    functions = _activations("GRU", activations, direction, activation_alpha)
    return Unpack(
        Symbol("gru")(
            x,
            _swapped(w),
            _swapped(r),
            b,
            lengths,
            initial_h,
            direction=direction,
            activations=functions,
            clip=clip,
            batch_first=bool(layout),
            linear_before_reset=bool(linear_before_reset),
        ),
        2,
    )


def rnn(
    x: Value, w: Value, r: Value, b: Value | None = None, lengths: Value | None = None,
    initial_h: Value | None = None, *, activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None, activations: list[str] | None = None,
    clip: float | None = None, direction: str = "forward", hidden_size: int | None = None,
    layout: int = 0,
) -> Unpack:  # fmt: skip
    functions = _activations("RNN", activations, direction, activation_alpha)
    return Unpack(
        Symbol("rnn")(
            x,
            _swapped(w),
            _swapped(r),
            b,
            lengths,
            initial_h,
            direction=direction,
            activations=functions,
            clip=clip,
            batch_first=bool(layout),
        ),
        2,
    )


def _swapped(w: Value) -> Any:
    """[directions, gates · hidden, in] → [directions, in, gates · hidden]."""
    if isinstance(w, Constant):
        return w.stored(np.ascontiguousarray(w.constant.transpose(0, 2, 1)), "swapped")
    return tf.transpose(w, [0, 2, 1])


def _activations(
    kind: str, names: list[str] | None, direction: str, alphas: list[float] | None
) -> list[list[Expression]]:
    """One list of functions a direction."""
    count = 2 if direction == "bidirectional" else 1
    each = len(_DEFAULT[kind])
    names = names or _DEFAULT[kind] * count
    unknown = sorted({name for name in names if name not in _FUNCTIONS})
    if unknown or alphas:
        raise Refusal(f"activations {', '.join(unknown) or 'with parameters'} are not covered")
    return [[_FUNCTIONS[n] for n in names[i * each : (i + 1) * each]] for i in range(count)]
