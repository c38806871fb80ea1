"""The body of a loop over time, read as one step of an LSTM, a GRU or a plain recurrent layer.

Gates are sums of products of the entry and the state with matrices, and of biases; many are cut out of
one wide product. Their weights are put into the order of ONNX's operators (LSTM: i, o, f, c; GRU: z, r,
h).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from interop.graph.patterns.affine import Affine, affine
from interop.graph.patterns.terms import given, made_by, with_number


@dataclass(frozen=True)
class Cell:
    """weights: [gates · hidden, in], recurrence: [gates · hidden, hidden], bias: [2 · gates · hidden],
    as ONNX has them but for its axis of directions; hidden, memory: places of the states."""

    kind: str
    weights: np.ndarray
    recurrence: np.ndarray
    bias: np.ndarray
    hidden: int
    memory: int | None = None
    before_reset: bool = False

    @property
    def size(self) -> int:
        return int(self.recurrence.shape[1])


def read_cell(
    states: Sequence[ir.Value], entry: ir.Value, results: Sequence[ir.Value]
) -> Cell | None:
    """The cell that makes of its states and an entry its next states; None where it is no known one."""
    if len(states) == 2:
        for hidden, memory in ((0, 1), (1, 0)):
            found = _lstm(states, entry, results, hidden, memory)
            if found is not None:
                return found
        return None
    if len(states) == 1:
        return _gru(states[0], entry, results[0]) or _plain(states[0], entry, results[0])
    return None


def _lstm(
    states: Sequence[ir.Value],
    entry: ir.Value,
    results: Sequence[ir.Value],
    hidden: int,
    memory: int,
) -> Cell | None:
    """c' = f · c + i · tanh(g), h' = o · tanh(c')."""
    for out, squashed in _products(results[hidden]):
        tanh = made_by(squashed, "Tanh")
        if tanh is None or tanh.inputs[0] is not results[memory]:
            continue
        for kept, fresh in _sums(results[memory]):
            for forget, old in _products(kept):
                for into, proposed in _products(fresh):
                    if old is not states[memory]:
                        continue
                    sums = [_inside(gate, "Sigmoid") for gate in (into, out, forget)]
                    gates = [affine(one) for one in (*sums, _inside(proposed, "Tanh"))]
                    made = _stacked(gates, entry, states[hidden])
                    if made is not None:
                        weights, recurrence, bias = made
                        both = np.concatenate([bias, np.zeros_like(bias)])
                        return Cell("LSTM", weights, recurrence, both, hidden, memory)
    return None


def _gru(state: ir.Value, entry: ir.Value, result: ir.Value) -> Cell | None:
    """h' = (1 - z) · tanh(…) + z · h."""
    for fresh, kept in _sums(result):
        for gate, old in _products(kept):
            for rest, proposed in _products(fresh):
                less = made_by(rest, "Sub")
                if old is not state or less is None or less.inputs[1] is not gate:
                    continue
                if not any(one == 1 for one, other in with_number(less) if other is gate):
                    continue
                tanh, update = _inside(proposed, "Tanh"), affine(_inside(gate, "Sigmoid"))
                found = _reset_after(tanh, update, entry, state)
                found = found or _reset_before(tanh, update, entry, state)
                if found is not None:
                    return found
    return None


def _reset_after(
    inner: ir.Value | None, update: Affine | None, entry: ir.Value, state: ir.Value
) -> Cell | None:
    """tanh(x W + r · (h R + b)): the reset gate is applied to the product."""
    for new, part in _sums(inner):
        for gate, old in _products(part):
            reset = affine(_inside(gate, "Sigmoid"))
            first, second = affine(new), affine(old)
            made = _stacked([update, reset], entry, state)
            if made is None or first is None or second is None:
                continue
            if set(first.terms) != {entry} or set(second.terms) != {state}:
                continue
            weights, recurrence, bias = made
            return Cell(
                "GRU",
                np.concatenate([weights, first.terms[entry].T]),
                np.concatenate([recurrence, second.terms[state].T]),
                np.concatenate([bias, first.wide(), np.zeros_like(bias), second.wide()]),
                0,
                before_reset=True,
            )
    return None


def _reset_before(
    inner: ir.Value | None, update: Affine | None, entry: ir.Value, state: ir.Value
) -> Cell | None:
    """tanh(x W + (r · h) R + b): it is applied to the state."""
    proposed = affine(inner)
    others = [] if proposed is None else [value for value in proposed.terms if value is not entry]
    if proposed is None or len(others) != 1:
        return None
    for gate, old in _products(others[0]):
        reset = affine(_inside(gate, "Sigmoid"))
        moved = Affine(
            {state if v is not entry else v: m for v, m in proposed.terms.items()}, proposed.bias
        )
        made = _stacked([update, reset, moved], entry, state)
        if old is state and made is not None:
            weights, recurrence, bias = made
            return Cell("GRU", weights, recurrence, np.concatenate([bias, np.zeros_like(bias)]), 0)
    return None


def _plain(state: ir.Value, entry: ir.Value, result: ir.Value) -> Cell | None:
    made = _stacked([affine(_inside(result, "Tanh"))], entry, state)
    if made is None:
        return None
    weights, recurrence, bias = made
    return Cell("RNN", weights, recurrence, np.concatenate([bias, np.zeros_like(bias)]), 0)


def _stacked(
    gates: Sequence[Affine | None], entry: ir.Value, state: ir.Value
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The gates below each other, where each is of the entry and the state."""
    found = [gate for gate in gates if gate is not None and set(gate.terms) == {entry, state}]
    if len(found) != len(gates):
        return None
    weights, recurrence = (
        np.concatenate([gate.terms[value].T for gate in found]) for value in (entry, state)
    )
    square = recurrence.shape[0] == len(found) * recurrence.shape[1]
    return (weights, recurrence, np.concatenate([g.wide() for g in found])) if square else None


def _inside(value: ir.Value | None, kind: str) -> ir.Value | None:
    node = made_by(value, kind)
    return None if node is None else given(node, 0)


def _products(value: ir.Value | None) -> Iterator[tuple[ir.Value | None, ir.Value | None]]:
    return _both(value, "Mul")


def _sums(value: ir.Value | None) -> Iterator[tuple[ir.Value | None, ir.Value | None]]:
    return _both(value, "Add")


def _both(value: ir.Value | None, kind: str) -> Iterator[tuple[ir.Value | None, ir.Value | None]]:
    """The two operands, in either order."""
    node = made_by(value, kind)
    if node is not None:
        first, second = node.inputs
        yield first, second
        yield second, first
