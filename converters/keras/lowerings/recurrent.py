"""LSTM and GRU as stock layers, one a direction, with their gates in Keras's order."""

from __future__ import annotations

from typing import Any

import numpy as np
from interop.converters.keras.lowerings.common import array, layers

from interop.source.expression import Symbol
from interop.source.values import Constant, Refusal, Unpack, Value

#: Blocks of ONNX's gates in Keras's order: i, o, f, c → i, f, c, o; z, r, h stays.
_LSTM, _GRU = [0, 2, 3, 1], [0, 1, 2]


def lstm(
    x: Value, w: Value, r: Value, b: Value | None = None, lengths: Value | None = None,
    initial_h: Value | None = None, initial_c: Value | None = None, p: Value | None = None, *,
    activation_alpha: list[float] | None = None, activation_beta: list[float] | None = None,
    activations: list[str] | None = None, clip: float | None = None, direction: str = "forward",
    hidden_size: int | None = None, input_forget: int = 0, layout: int = 0,
) -> Unpack:  # fmt: skip
    if input_forget or p is not None:
        raise Refusal("Keras has no peepholes and no coupled gates")
    states = [initial_h, initial_c]
    usual = ["Sigmoid", "Tanh", "Tanh"]
    return _recurrent(
        "LSTM", x, w, r, b, lengths, states, direction, layout, _LSTM, clip,
        (activations, usual, activation_alpha), {},
    )  # fmt: skip


def gru(
    x: Value, w: Value, r: Value, b: Value | None = None, lengths: Value | None = None,
    initial_h: Value | None = None, *, activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None, activations: list[str] | None = None,
    clip: float | None = None, direction: str = "forward", hidden_size: int | None = None,
    layout: int = 0, linear_before_reset: int = 0,
) -> Unpack:  # fmt: skip
    return _recurrent(
        "GRU", x, w, r, b, lengths, [initial_h], direction, layout, _GRU, clip,
        (activations, ["Sigmoid", "Tanh"], activation_alpha),
        {"reset_after": bool(linear_before_reset)},
    )  # fmt: skip


def _recurrent(
    kind: str, x: Value, w: Value, r: Value, b: Value | None, lengths: Value | None,
    states: list[Value | None], direction: str, layout: int, order: list[int],
    clip: float | None, activations: tuple[Any, list[str], Any], options: dict[str, Any],
) -> Unpack:  # fmt: skip
    names, usual, alphas = activations
    count = 2 if direction == "bidirectional" else 1
    if clip or alphas or (names and list(names) != usual * count):
        raise Refusal("a clip, or activations other than the usual ones, are not covered")
    if lengths is not None and not _whole(lengths, x.dim(1 if layout else 0)):
        raise Refusal("sequences of different lengths are not covered")
    if not (isinstance(w, Constant) and isinstance(r, Constant)) or x.dtype != "float32":
        raise Refusal("the weights must be constant float32")
    if b is not None and not isinstance(b, Constant):
        raise Refusal("the bias must be constant")
    if layout and any(state is not None for state in states):
        raise Refusal("initial states with layout 1 are not covered")
    given = [state for state in states if state is not None]
    zeros = all(state.constant is not None and not state.constant.any() for state in given)
    if given and not zeros and len(given) != len(states):
        raise Refusal("one initial state without the other")
    units = int(r.constant.shape[2])
    parts: list[Any] = []
    for index in range(count):
        weights = [
            array(w, _gates(w.constant[index], order).T, f"{kind}{index}"),
            array(r, _gates(r.constant[index], order).T, f"{kind}{index}"),
        ]
        if b is not None:
            weights.append(array(b, _bias(b.constant[index], order, options), f"{kind}{index}"))
        backwards = direction == "reverse" or index == 1
        extra = dict(options)
        if b is None:
            extra["use_bias"] = False
        if backwards:
            extra["go_backwards"] = True
        name = f"{w.name.replace('.', '_')}_{index}"
        made = getattr(layers, kind)(
            units, return_sequences=True, return_state=True, **extra, name=name
        )
        initial = [] if zeros else [state[index] for state in given]
        parts.append((made, weights, initial, backwards))
    call = Symbol("recurrent")(x, parts, bool(layout))
    return Unpack(call, 1 + len(states))


def _whole(lengths: Value, size: int | None) -> bool:
    return (
        size is not None and lengths.constant is not None and bool((lengths.constant == size).all())
    )


def _gates(weight: np.ndarray, order: list[int]) -> np.ndarray:
    """[gates · units, …] with its gates in Keras's order."""
    blocks = np.split(weight, len(order))
    return np.concatenate([blocks[index] for index in order])


def _bias(bias: np.ndarray, order: list[int], options: dict[str, Any]) -> np.ndarray:
    """ONNX's two biases: their sum, or both where the gate after the reset needs its own."""
    first, second = (_gates(part, order) for part in np.split(bias, 2))
    return np.stack([first, second]) if options.get("reset_after") else first + second
