"""What converters of layers share: the layer as they see it, and constants."""

from dataclasses import dataclass
from typing import Any, Callable, Optional

import numpy as np

from interop.workers.onnx_file import Graph

Shape = tuple[int, ...]

#: convert(graph, layer, *bottoms): the ONNX name of the result, or one for each top.
Export = Callable[..., Any]


class Refused(Exception):
    """A layer that has no ONNX form here; the text says why."""


@dataclass(frozen=True)
class Layer:
    """One layer of a network as Caffe has it in memory.

    param: its LayerParameter, upgraded to the newest form; blobs: its weights, and `names` what to
    call them; bottoms, tops: shapes, and whether their axis 0 varies with the batch; scale: a Scale
    layer that it takes with it.
    """

    name: str
    param: Any
    blobs: tuple[np.ndarray, ...]
    names: tuple[str, ...]
    bottoms: tuple[Shape, ...]
    tops: tuple[Shape, ...]
    open_bottoms: tuple[bool, ...]
    open_tops: tuple[bool, ...]
    scale: Optional["Layer"] = None

    def weight(self, graph: Graph, index: int, form: Optional[np.ndarray] = None) -> str:
        """The blob of that number as an initializer, or another form of it."""
        array = self.blobs[index] if form is None else form
        return graph.constant(np.ascontiguousarray(array, np.float32), self.names[index])


def axis_of(axis: int, rank: int) -> int:
    """Caffe counts negative axes from the end, as NumPy does."""
    return axis + rank if axis < 0 else axis


def integers(graph: Graph, values: Any) -> str:
    return graph.constant(np.array(values, np.int64), "sizes")


def number(graph: Graph, value: float) -> str:
    return graph.constant(np.float32(value), "number")


def shaped(graph: Graph, x: str, shape: Shape, open_batch: bool) -> str:
    """`x` in that shape, whose axis 0 is what is left over where it varies."""
    sizes = list(shape)
    if open_batch:
        sizes[0] = -1
    return graph.node("Reshape", [x, integers(graph, sizes)])


def as_top(graph: Graph, layer: Layer, x: str) -> str:
    """`x` in the shape of the layer's top."""
    return shaped(graph, x, layer.tops[0], layer.open_tops[0])


def scaled(graph: Graph, x: str, factor: float) -> str:
    return x if factor == 1 else graph.node("Mul", [x, number(graph, factor)])


def shifted(graph: Graph, x: str, term: float) -> str:
    return x if term == 0 else graph.node("Add", [x, number(graph, term)])


def same(graph: Graph, layer: Layer, x: str) -> list[str]:
    """What is given, for each top."""
    return [x] * len(layer.tops)
