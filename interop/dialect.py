"""How an artifact calls its tensors, and in which layout images go in and out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from interop.graph.layout import first_order, last_order

Arrays = dict[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Dialect:
    """Between the names of the canonical ONNX and those of an artifact.

    inputs, outputs: the ONNX name → the artifact's. channels_last: tensors of rank 4 are NHWC
    there, and NCHW here.
    """

    inputs: dict[str, str]
    outputs: dict[str, str]
    channels_last: bool = False

    @property
    def plain(self) -> bool:
        """Whether nothing has to be said otherwise."""
        names = (*self.inputs.items(), *self.outputs.items())
        return not self.channels_last and all(name == theirs for name, theirs in names)

    def hand_over(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> Arrays:
        """Inputs as the artifact takes them."""
        return {self.inputs[name]: self._moved(array, last_order) for name, array in arrays.items()}

    def take_back(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> Arrays:
        """The artifact's outputs under the ONNX names and in its layout; none may be dropped."""
        names = {theirs: name for name, theirs in self.outputs.items()}
        return {
            names.get(theirs, theirs): self._moved(array, first_order)
            for theirs, array in arrays.items()
        }

    def _moved(
        self, array: np.ndarray[Any, Any], order: Callable[[int], tuple[int, ...]]
    ) -> np.ndarray[Any, Any]:
        if self.channels_last and array.ndim == 4:
            return np.ascontiguousarray(array.transpose(order(4)))
        return array
