"""RNN, GRU and LSTM to the whole of their specification, in double.

The ONNX reference ignores sequence_lens, activations, clip and input_forget; a truth that
silently did so would blame faithful backends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx.reference.op_run import OpRun

from interop.parity.truth.operators.elementwise import sigmoid
from interop.parity.truth.operators.windows import Array

Activation = Callable[[Array], Array]
State = tuple[Array, ...]
Step = Callable[[Array, State], State]

#: name -> (function of x, alpha, beta; default alpha; default beta), ONNX RNN operators
_ACTIVATIONS: dict[str, tuple[Callable[[Array, float, float], Array], float, float]] = {
    "relu": (lambda x, a, b: np.maximum(x, 0), 0.0, 0.0),
    "tanh": (lambda x, a, b: np.tanh(x), 0.0, 0.0),
    "sigmoid": (lambda x, a, b: sigmoid(x), 0.0, 0.0),
    "affine": (lambda x, a, b: a * x + b, 1.0, 0.0),
    "leakyrelu": (lambda x, a, b: np.where(x < 0, a * x, x), 0.01, 0.0),
    "thresholdedrelu": (lambda x, a, b: np.where(x >= a, x, 0), 1.0, 0.0),
    "scaledtanh": (lambda x, a, b: a * np.tanh(b * x), 1.0, 1.0),
    "hardsigmoid": (lambda x, a, b: np.clip(a * x + b, 0, 1), 0.2, 0.5),
    "elu": (lambda x, a, b: np.where(x < 0, a * np.expm1(x), x), 1.0, 0.0),
    "softsign": (lambda x, a, b: x / (1 + np.abs(x)), 0.0, 0.0),
    "softplus": (lambda x, a, b: np.logaddexp(0, x), 0.0, 0.0),
}
_TAKES_ALPHA = {"affine", "leakyrelu", "thresholdedrelu", "scaledtanh", "hardsigmoid", "elu"}
_TAKES_BETA = {"affine", "scaledtanh", "hardsigmoid"}


def _activations(
    names: Sequence[str], alpha: Sequence[float] | None, beta: Sequence[float] | None
) -> list[Activation]:
    """Bind names to functions; alphas and betas are handed out in order to those that take one."""
    alphas, betas = list(alpha or []), list(beta or [])
    bound: list[Activation] = []
    for name in names:
        key = name.lower()
        function, a, b = _ACTIVATIONS[key]
        a = alphas.pop(0) if key in _TAKES_ALPHA and alphas else a
        b = betas.pop(0) if key in _TAKES_BETA and betas else b
        bound.append(lambda x, function=function, a=a, b=b: function(x, a, b))  # type: ignore[misc]
    return bound


def _scan(
    X: Array, lens: Array | None, initial: State, step: Step, reverse: bool
) -> tuple[Array, State]:
    """One direction: X (T, N, gates * H), the inputs' products -> Y (T, N, H) and the last state.

    Beyond a sequence's own length the output is 0 and the state stands still; in reverse the
    walk is from the end, where short sequences have not started yet.
    """
    state = initial
    Y = np.zeros((X.shape[0], *initial[0].shape), dtype=X.dtype)
    for t in reversed(range(X.shape[0])) if reverse else range(X.shape[0]):
        new = step(X[t], state)
        if lens is None:
            state = new
            Y[t] = new[0]
            continue
        live = (t < lens)[:, None]
        state = tuple(np.where(live, n, s) for n, s in zip(new, state, strict=True))
        Y[t] = np.where(live, new[0], 0)
    return Y, state


def _both(
    projected: Sequence[Array],
    lens: Array | None,
    initial: Sequence[State],
    steps: Sequence[Step],
    direction: str,
) -> tuple[Array, State]:
    """Every direction: Y (T, D, N, H) and the last states, each (D, N, H)."""
    results = [
        _scan(X, lens, state, step, reverse=direction == "reverse" or d == 1)
        for d, (X, state, step) in enumerate(zip(projected, initial, steps, strict=True))
    ]
    Y = np.stack([y for y, _ in results], axis=1)
    return Y, tuple(np.stack(parts) for parts in zip(*(s for _, s in results), strict=True))


class _Recurrent(OpRun):  # type: ignore[misc]
    """What the three share: defaults, layout, directions."""

    op_domain = ""
    gates = 1
    default_activations: tuple[str, ...] = ("Tanh",)

    def _solve(
        self,
        X: Array,
        W: Array,
        R: Array,
        B: Array | None,
        lens: Array | None,
        states: Sequence[Array | None],
        make_step: Callable[[int, Array, list[Activation]], Step],
        attributes: dict[str, Any],
    ) -> tuple[Array, ...]:
        batch_first = attributes["layout"] == 1
        if batch_first:
            X = X.swapaxes(0, 1)
        directions, hidden, count = R.shape[0], R.shape[-1], len(self.default_activations)
        bias = np.zeros((directions, 2 * self.gates * hidden), X.dtype) if B is None else B
        names = attributes["activations"] or self.default_activations * directions
        functions = _activations(
            names, attributes["activation_alpha"], attributes["activation_beta"]
        )
        shape = (directions, X.shape[1], hidden)
        starts = [
            np.zeros(shape, X.dtype) if s is None else (s.swapaxes(0, 1) if batch_first else s)
            for s in states
        ]
        if any(start.shape != shape for start in starts):
            # NumPy would broadcast it, and give an answer where runtimes, as the standard, have none.
            found = [list(start.shape) for start in starts]
            raise ValueError(f"initial states are to be {list(shape)}, and are {found}")
        steps = [
            make_step(d, bias[d], functions[d * count : (d + 1) * count]) for d in range(directions)
        ]
        initial = [tuple(s[d] for s in starts) for d in range(directions)]
        projected = [X @ W[d].T for d in range(directions)]  # of all steps at once
        Y, last = _both(projected, lens, initial, steps, attributes["direction"] or "forward")
        if batch_first:
            Y, last = Y.transpose(2, 0, 1, 3), tuple(s.swapaxes(0, 1) for s in last)
        return (Y, *last)[: max(1, len(self.output))]


def _clipper(clip: float | None) -> Activation:
    return (lambda x: np.clip(x, -clip, clip)) if clip else (lambda x: x)


class RNN(_Recurrent):
    """H = f(X W' + H R' + Wb + Rb)."""

    def _run(
        self, X: Array, W: Array, R: Array, B: Array | None = None,
        sequence_lens: Array | None = None, initial_h: Array | None = None,
        clip: float | None = None, hidden_size: int | None = None, **attributes: Any,
    ) -> tuple[Array, ...]:  # fmt: skip
        clamp = _clipper(clip)

        def make(d: int, bias: Array, activations: list[Activation]) -> Step:
            both = bias.reshape(2, -1).sum(axis=0)

            def step(x: Array, state: State) -> State:
                return (activations[0](clamp(x + state[0] @ R[d].T + both)),)

            return step

        return self._solve(X, W, R, B, sequence_lens, [initial_h], make, attributes)


class GRU(_Recurrent):
    """Gates in the order z, r, h."""

    gates = 3
    default_activations = ("Sigmoid", "Tanh")

    def _run(
        self, X: Array, W: Array, R: Array, B: Array | None = None,
        sequence_lens: Array | None = None, initial_h: Array | None = None,
        clip: float | None = None, hidden_size: int | None = None,
        linear_before_reset: int | None = 0, **attributes: Any,
    ) -> tuple[Array, ...]:  # fmt: skip
        clamp = _clipper(clip)

        def make(d: int, bias: Array, activations: list[Activation]) -> Step:
            f, g = activations
            wb, rb = bias.reshape(2, -1)
            H = R.shape[-1]

            def step(x: Array, state: State) -> State:
                h = state[0]
                from_x = x + wb
                from_h = h @ R[d][: 2 * H].T + rb[: 2 * H]
                z, r = np.split(f(clamp(from_x[:, : 2 * H] + from_h)), 2, axis=-1)
                if linear_before_reset:
                    memory = r * (h @ R[d][2 * H :].T + rb[2 * H :])
                else:
                    memory = (r * h) @ R[d][2 * H :].T + rb[2 * H :]
                new = g(clamp(from_x[:, 2 * H :] + memory))
                return ((1 - z) * new + z * h,)

            return step

        return self._solve(X, W, R, B, sequence_lens, [initial_h], make, attributes)


class LSTM(_Recurrent):
    """Gates in the order i, o, f, c; peepholes P in the order i, o, f."""

    gates = 4
    default_activations = ("Sigmoid", "Tanh", "Tanh")

    def _run(
        self, X: Array, W: Array, R: Array, B: Array | None = None,
        sequence_lens: Array | None = None, initial_h: Array | None = None,
        initial_c: Array | None = None, P: Array | None = None,
        clip: float | None = None, hidden_size: int | None = None,
        input_forget: int | None = 0, **attributes: Any,
    ) -> tuple[Array, ...]:  # fmt: skip
        clamp = _clipper(clip)
        peepholes = np.zeros((R.shape[0], 3 * R.shape[-1]), X.dtype) if P is None else P

        def make(d: int, bias: Array, activations: list[Activation]) -> Step:
            f, g, h = activations
            both = bias.reshape(2, -1).sum(axis=0)
            p_i, p_o, p_f = np.split(peepholes[d], 3)

            def step(x: Array, state: State) -> State:
                H, C = state
                gates = x + H @ R[d].T + both
                i, o, forget, c = np.split(gates, 4, axis=-1)
                i = f(clamp(i + p_i * C))
                forget = 1 - i if input_forget else f(clamp(forget + p_f * C))
                C = forget * C + i * g(clamp(c))
                o = f(clamp(o + p_o * C))
                return (o * h(C), C)

            return step

        return self._solve(X, W, R, B, sequence_lens, [initial_h, initial_c], make, attributes)
