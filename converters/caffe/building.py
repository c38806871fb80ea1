"""A network while lowerings write it: each adds layers, and gets the blobs that they give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from interop.converters.caffe.network import Layer

from interop.source.values import Constant, Refusal, Value

#: The parameters' name, where it is not the type in small letters.
_PARAMETERS = {
    "BatchNorm": "batch_norm_param",
    "InnerProduct": "inner_product_param",
    "Deconvolution": "convolution_param",
    "TanH": "tanh_param",
}


class Net:
    """The layers so far, and the weights that they take."""

    def __init__(self) -> None:
        self.layers: list[Layer] = []
        self.weights: dict[str, np.ndarray] = {}
        self._blobs: set[str] = set()
        self._names: set[str] = set()
        self._kept: dict[tuple[str, str], str] = {}  # (name, form) → key among the weights
        self._node = ""

    def reserve(self, names: Iterable[str]) -> None:
        """No blob in between gets one of these names."""
        self._blobs.update(names)

    def begin(self, node: str) -> None:
        """From here on, layers are for the node whose first result has that name."""
        self._node = node

    def input(self, name: str, shape: Sequence[int]) -> None:
        self._blobs.add(name)
        self.layers.append(
            Layer(self._name(name), "Input", (), (name,), (), {"input_param": {"shape": {"dim": [*shape]}}})
        )  # fmt: skip

    def add(
        self, kind: str, bottoms: Iterable[Value], shape: Sequence[int | None] | None,
        blobs: Sequence[Value] = (), /, **fields: Any,
    ) -> Value:  # fmt: skip
        """A layer with one top, of that shape (None: it is as that of the first bottom)."""
        bottoms = tuple(bottoms)
        known = bottoms[0].shape if shape is None else tuple(shape)
        return self.several(kind, bottoms, [known], blobs, **fields)[0]

    def several(
        self, kind: str, bottoms: Iterable[Value], shapes: Sequence[Sequence[int | None] | None],
        blobs: Sequence[Value] = (), /, **fields: Any,
    ) -> list[Value]:  # fmt: skip
        """A layer with one top for each of `shapes`."""
        if any(shape is not None and 0 in shape for shape in shapes):
            raise Refusal("an empty tensor")
        below = tuple(self.bottom(value) for value in bottoms)
        keys = tuple(blob.text for blob in blobs)
        base = f"{self._node}_{kind.lower()}"
        tops = tuple(self._blob(base) for _ in shapes)
        parameters = {}
        if fields:
            parameters[_PARAMETERS.get(kind, f"{kind.lower()}_param")] = fields
        # A layer is called as the module that its weights belong to, else as what it gives.
        module = keys[0].rpartition(".")[0] if keys else ""
        name = self._name(module or (tops[0] if tops else base))
        self.layers.append(Layer(name, kind, below, tops, keys, parameters))
        return [_blob(top, shape) for top, shape in zip(tops, shapes, strict=True)]

    def constant(self, name: str, array: np.ndarray) -> Constant:
        return Constant(name, array, self.keep)

    def keep(self, name: str, array: np.ndarray, variant: str) -> str:
        """The key of a weight in that form."""
        if (name, variant) not in self._kept:
            key = name if name not in self.weights else f"{name}:{variant}"
            while key in self.weights:
                key += "_"
            self._kept[(name, variant)] = key
            self.weights[key] = np.ascontiguousarray(array).reshape(array.shape)
        return self._kept[(name, variant)]

    def rename(self, old: str, new: str, since: int = 0) -> None:
        """Call a blob otherwise, in the layers from number `since` on; so their layers, too."""

        def of(names: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(new if name == old else name for name in names)

        for index in range(since, len(self.layers)):
            layer = self.layers[index]
            name = self._name(new) if layer.name == old else layer.name
            self.layers[index] = replace(
                layer, name=name, bottoms=of(layer.bottoms), tops=of(layer.tops)
            )

    def silence(self, wanted: Iterable[str]) -> None:
        """What nobody reads would be an output: it is silenced, unless it is `wanted`."""
        read = {bottom for layer in self.layers for bottom in layer.bottoms} | set(wanted)
        unread = [top for layer in self.layers for top in layer.tops if top not in read]
        if unread:
            self.layers.append(Layer(self._name("silence"), "Silence", tuple(unread), (), (), {}))

    def bottom(self, value: Value) -> str:
        """A blob's name; a constant is given by a Parameter layer."""
        if value.constant is None:
            return value.text
        if value.constant.dtype != np.float32:
            raise Refusal(f"Caffe computes in float32, '{value.name}' is {value.dtype}")
        shape = {"dim": list(value.constant.shape)}
        return self.add("Parameter", (), value.constant.shape, [value], shape=shape).text

    def _blob(self, name: str) -> str:
        return _unique(name, self._blobs)

    def _name(self, name: str) -> str:
        return _unique(name, self._names)


def _unique(name: str, taken: set[str]) -> str:
    unique, count = name, 1
    while unique in taken:
        unique, count = f"{name}_{count}", count + 1
    taken.add(unique)
    return unique


def _blob(name: str, shape: Sequence[int | None] | None) -> Value:
    return Value(name, "float32", None if shape is None else tuple(shape), lambda: name)
