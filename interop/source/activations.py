"""The activations of ONNX's recurrent layers, with their defaults: what every target shares."""

from __future__ import annotations

#: Those of one direction.
DEFAULT = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}

#: Defaults of the activations' parameters, by ONNX's Operators.md (RNN).
_PARAMETERS = {
    "Affine": (1.0, 0.0), "Elu": (1.0,), "HardSigmoid": (0.2, 0.5), "LeakyRelu": (0.01,),
    "ScaledTanh": (1.0, 1.0), "ThresholdedRelu": (1.0,),
}  # fmt: skip


def activation_names(kind: str, names: list[str] | None, direction: str) -> list[str]:
    """The names for all directions, the standard's where none are given."""
    count = 2 if direction == "bidirectional" else 1
    return list(names) if names else DEFAULT[kind] * count


def activation_calls(
    kind: str, names: list[str], alphas: list[float] | None, betas: list[float] | None
) -> list[list[tuple[str | float, ...]]]:
    """For each direction, each activation as its name and parameters."""
    left = {0: list(alphas or []), 1: list(betas or [])}
    given: list[tuple[str | float, ...]] = []
    for name in names:
        defaults = _PARAMETERS.get(name, ())
        values = [left[i].pop(0) if left[i] else default for i, default in enumerate(defaults)]
        given.append((name, *values))
    each = len(DEFAULT[kind])
    return [given[i : i + each] for i in range(0, len(given), each)]
