"""Weights by seed: scaled so that activations neither vanish nor saturate, and nothing is trivial.

Batch-norm statistics are not 0 and 1, biases are not 0, and each tensor has a generator of its own,
seeded by its name, so that the order of drawing does not matter. NumPy only, and Python 3.6, which is
what CNTK runs on.
"""

import math
import zlib
from typing import Dict, Tuple

import numpy as np

Weights = Dict[str, np.ndarray]

#: Variance gain that an activation calls for in the layer before it.
RELU = 2.0
LINEAR = 1.0


class Drawing:
    """Collects float32 tensors under torch's state_dict names."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self.weights: Weights = {}

    def normal(self, name: str, *shape: int, std: float = 1.0, mean: float = 0.0) -> None:
        drawn = self._rng(name).standard_normal(shape, dtype=np.float32)
        self.weights[name] = drawn * np.float32(std) + np.float32(mean)

    def uniform(self, name: str, *shape: int, low: float, high: float) -> None:
        drawn = self._rng(name).random(shape, dtype=np.float32)
        self.weights[name] = drawn * np.float32(high - low) + np.float32(low)

    def conv(
        self, name: str, out: int, into: int, *kernel: int, gain: float = RELU, bias: bool = False
    ) -> None:
        """[out, into, kernel…], where `into` counts the channels of one group."""
        self.normal(
            f"{name}.weight",
            out,
            into,
            *kernel,
            std=math.sqrt(gain / (into * int(np.prod(kernel)))),
        )
        if bias:
            self.normal(f"{name}.bias", out, std=0.05)

    def conv_transpose(
        self, name: str, into: int, out: int, kernel: int, stride: int, *, gain: float = RELU,
        bias: bool = False,
    ) -> None:  # fmt: skip
        """[into, out, kernel, kernel]; each output sees (kernel / stride)² taps of each channel."""
        taps = into * (kernel / stride) ** 2
        self.normal(f"{name}.weight", into, out, kernel, kernel, std=math.sqrt(gain / taps))
        if bias:
            self.normal(f"{name}.bias", out, std=0.05)

    def linear(
        self, name: str, out: int, into: int, *, gain: float = LINEAR, bias: bool = True
    ) -> None:
        self.normal(f"{name}.weight", out, into, std=math.sqrt(gain / into))
        if bias:
            self.normal(f"{name}.bias", out, std=0.05)

    def batch_norm(
        self, name: str, channels: int, *, scale: float = 1.0, spread: float = 1.0
    ) -> None:
        """Statistics near those of a layer whose output has variance `spread`; gamma near `scale`."""
        self.uniform(f"{name}.weight", channels, low=0.8 * scale, high=1.2 * scale)
        self.normal(f"{name}.bias", channels, std=0.1)
        self.normal(f"{name}.running_mean", channels, std=0.1 * math.sqrt(spread))
        self.uniform(f"{name}.running_var", channels, low=0.7 * spread, high=1.4 * spread)

    def layer_norm(self, name: str, width: int) -> None:
        self.uniform(f"{name}.weight", width, low=0.8, high=1.2)
        self.normal(f"{name}.bias", width, std=0.1)

    def embedding(self, name: str, count: int, width: int, *, std: float = 1.0) -> None:
        self.normal(f"{name}.weight", count, width, std=std)

    def recurrent(
        self, name: str, into: int, hidden: int, *, gates: int, layer: int = 0,
        directions: Tuple[str, ...] = ("", "_reverse"),
    ) -> None:  # fmt: skip
        """One layer of torch's LSTM (4 gates) or GRU (3 gates)."""
        for direction in directions:
            end = f"_l{layer}{direction}"
            self.normal(f"{name}.weight_ih{end}", gates * hidden, into, std=1.2 / math.sqrt(into))
            self.normal(
                f"{name}.weight_hh{end}", gates * hidden, hidden, std=0.8 / math.sqrt(hidden)
            )
            self.normal(f"{name}.bias_ih{end}", gates * hidden, std=0.1)
            self.normal(f"{name}.bias_hh{end}", gates * hidden, std=0.1)

    def _rng(self, name: str) -> "np.random.Generator":
        return np.random.default_rng([self._seed, zlib.crc32(name.encode())])
