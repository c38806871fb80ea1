"""Recurrent layers over a whole sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
from interop.converters.tflite.operator import Op, Refused

#: Operands of UNIDIRECTIONAL_SEQUENCE_LSTM, by gate in ONNX's order: input, output, forget, cell.
_WEIGHTS, _RECURRENT, _BIAS = (1, 4, 2, 3), (5, 8, 6, 7), (12, 15, 13, 14)
_UNUSED = {9: "peepholes", 10: "peepholes", 11: "peepholes", 16: "a projection", 17: "a projection",
           20: "normalized layers", 21: "normalized layers", 22: "normalized layers",
           23: "normalized layers"}  # fmt: skip
_LSTM_STATES, _RNN_STATE = (18, 19), 4
_TANH = 4


def lstm(op: Op) -> Any:
    for index, what in _UNUSED.items():
        if op.has(index):
            raise Refused(f"an LSTM with {what}")
    if not op.has(1):
        raise Refused("an LSTM whose input gate is what its forget gate leaves")
    if op.option("cellClip") or op.option("projClip"):
        raise Refused("an LSTM that clips its cell")
    if op.option("fusedActivationFunction") != _TANH:
        raise Refused("an LSTM with another activation than tanh")
    _refuse_states(op, *_LSTM_STATES)
    w, r = (_stacked(op, indices) for indices in (_WEIGHTS, _RECURRENT))
    b = np.concatenate([op.array(index) for index in _BIAS])
    return _layer(op, "LSTM", w, r, b)


def rnn(op: Op) -> Any:
    """Operands: the data, weights, recurrent weights, bias, state."""
    activation = {0: "Affine", 1: "Relu", 4: "Tanh"}.get(int(op.option("fusedActivationFunction")))
    if activation is None:
        raise Refused("a recurrent layer with this activation")
    _refuse_states(op, _RNN_STATE)
    options: dict[str, Any] = {"activations": [activation]}
    if activation == "Affine":
        options.update(activation_alpha=[1.0], activation_beta=[0.0])
    w, r = (_stacked(op, (index,)) for index in (1, 2))
    return _layer(op, "RNN", w, r, op.array(3), **options)


def _refuse_states(op: Op, *indices: int) -> None:
    """A state that is a variable tensor is zero when a call begins, as written here."""
    for index in indices:
        if op.has(index) and not op.tensor(index).variable:
            raise Refused("a state that is computed")


def _stacked(op: Op, indices: tuple[int, ...]) -> np.ndarray:
    """Weights [gates × H, I] of constants, for one direction."""
    if any(op.tensor(index).quantized for index in indices):
        raise Refused("a recurrent layer with weights of 8 bits")
    return np.concatenate([op.array(index) for index in indices])[None]


def _layer(op: Op, kind: str, w: np.ndarray, r: np.ndarray, b: np.ndarray, **options: Any) -> Any:
    """[T, N, I] or [N, T, I] → the same with the hidden size."""
    x = op.stored(0)
    if not op.option("timeMajor"):
        x = op.emit("Transpose", [x], perm=[1, 0, 2])
    both = np.concatenate([b, np.zeros_like(b)])[None]  # the recurrent biases are in the others
    operands = [x, *(op.constant(part) for part in (w, r, both))]
    found = op.emit(kind, operands, hidden_size=int(r.shape[-1]), **options)
    found = op.emit("Squeeze", [found, op.integers(1)])
    return found if op.option("timeMajor") else op.emit("Transpose", [found], perm=[1, 0, 2])
