"""LSTM, GRU and RNN in all their options: one scan over time for each direction."""

from __future__ import annotations

from interop.source.activations import activation_calls, activation_names
from interop.source.expression import Symbol
from interop.source.values import Unpack, Value


def lstm(
    x: Value, w: Value, r: Value, b: Value | None = None, lengths: Value | None = None,
    initial_h: Value | None = None, initial_c: Value | None = None, p: Value | None = None, *,
    activation_alpha: list[float] | None = None, activation_beta: list[float] | None = None,
    activations: list[str] | None = None, clip: float | None = None, direction: str = "forward",
    hidden_size: int | None = None, input_forget: int = 0, layout: int = 0,
) -> Unpack:  # fmt: skip
    names = activation_names("LSTM", activations, direction)
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
    layout: int = 0, linear_before_reset: int = 0,
) -> Unpack:  # fmt: skip
    names = activation_names("GRU", activations, direction)
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
    layout: int = 0,
) -> Unpack:  # fmt: skip
    names = activation_names("RNN", activations, direction)
    call = Symbol("rnn")(
        x, w, r, b, lengths, initial_h, direction=direction,
        activations=activation_calls("RNN", names, activation_alpha, activation_beta), clip=clip,
        batch_first=bool(layout),
    )  # fmt: skip
    return Unpack(call, 2)
