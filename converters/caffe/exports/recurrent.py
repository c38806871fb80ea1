"""Recurrent layers, step by step: Caffe unrolls them, too, and resets them wherever `cont` is 0."""

import numpy as np
from interop.converters.caffe.exports.common import Layer, Refused, integers

from interop.workers.onnx_file import Graph


class _Steps:
    """The bottoms of a recurrent layer [steps, samples, …]: data, `cont`, and what does not change.

    The blobs are, in order, weights and biases of the data, weights of the static data if there are
    some, then those of the state.
    """

    def __init__(self, graph: Graph, layer: Layer, bottoms: tuple[str, ...]) -> None:
        if layer.param.recurrent_param.expose_hidden:
            raise Refused("a state that is given from outside")
        self.graph, self.layer = graph, layer
        self.count, self.samples = layer.bottoms[0][:2]
        self.width = layer.param.recurrent_param.num_output
        x, cont = bottoms[:2]
        first = self._product(x, 0, 1, (self.count, self.samples))
        after = 2
        if len(bottoms) > 2:
            fixed = self._product(bottoms[2], 2, None, (1, self.samples))
            first, after = graph.node("Add", [first, fixed]), 3
        self.of_state = after
        self.inputs = self._split(first)
        shape = integers(graph, [self.count, self.samples, 1])
        self.kept = self._split(graph.node("Reshape", [cont, shape]))
        empty = np.zeros((self.samples, self.width), np.float32)
        self.state = graph.constant(empty, layer.name + ".state")

    def _product(self, x: str, weight: int, bias: "int | None", shape: tuple[int, ...]) -> str:
        flat = self.graph.node("Reshape", [x, integers(self.graph, [*shape, -1])])
        matrix = self.layer.weight(self.graph, weight, self.layer.blobs[weight].T)
        result = self.graph.node("MatMul", [flat, matrix])
        if bias is None:
            return result
        return self.graph.node("Add", [result, self.layer.weight(self.graph, bias)])

    def _split(self, x: str) -> list[str]:
        """One part [samples, …] a step."""
        ones = integers(self.graph, [1] * self.count)
        parts = self.graph.node("Split", [x, ones], count=self.count, axis=0)
        axis = integers(self.graph, [0])
        parts = [parts] if self.count == 1 else parts
        return [self.graph.node("Squeeze", [part, axis]) for part in parts]

    def joined(self, states: list[str]) -> str:
        axis = integers(self.graph, [0])
        rows = [self.graph.node("Unsqueeze", [state, axis]) for state in states]
        return self.graph.node("Concat", rows, axis=0)

    def matrix(self, index: int) -> str:
        return self.layer.weight(self.graph, index, self.layer.blobs[index].T)


def lstm(graph: Graph, layer: Layer, *bottoms: str) -> str:
    """Gates in the order input, forget, output, candidate."""
    steps = _Steps(graph, layer, bottoms)
    weights, hidden, cell = steps.matrix(steps.of_state), steps.state, steps.state
    sizes = integers(graph, [steps.width] * 4)
    results = []
    for x, kept in zip(steps.inputs, steps.kept):
        before = graph.node("MatMul", [graph.node("Mul", [hidden, kept]), weights])
        gates = graph.node("Add", [before, x])
        parts = graph.node("Split", [gates, sizes], count=4, axis=1)
        let_in, keep, out = (graph.node("Sigmoid", [part]) for part in parts[:3])
        old = graph.node("Mul", [graph.node("Mul", [kept, keep]), cell])
        new = graph.node("Mul", [let_in, graph.node("Tanh", [parts[3]])])
        cell = graph.node("Add", [old, new])
        hidden = graph.node("Mul", [out, graph.node("Tanh", [cell])])
        results.append(hidden)
    return steps.joined(results)


def rnn(graph: Graph, layer: Layer, *bottoms: str) -> str:
    """A hidden state, and an output of it, both through tanh."""
    steps = _Steps(graph, layer, bottoms)
    weights, hidden = steps.matrix(steps.of_state), steps.state
    of_output = steps.matrix(steps.of_state + 1)
    offset = layer.weight(graph, steps.of_state + 2)
    results = []
    for x, kept in zip(steps.inputs, steps.kept):
        before = graph.node("MatMul", [graph.node("Mul", [hidden, kept]), weights])
        hidden = graph.node("Tanh", [graph.node("Add", [before, x])])
        result = graph.node("Add", [graph.node("MatMul", [hidden, of_output]), offset])
        results.append(graph.node("Tanh", [result]))
    return steps.joined(results)
