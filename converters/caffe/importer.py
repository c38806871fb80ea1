"""Canonical ONNX → a Caffe network, as a prototxt."""

from __future__ import annotations

import inspect
from typing import Any

import onnx_ir as ir
from interop.converters.caffe.building import Net
from interop.converters.caffe.lowerings.common import Node
from interop.converters.caffe.network import Layer, prototxt
from interop.converters.caffe.table import LOWERINGS

from interop.source.module import Source
from interop.source.printer import NotLowered, attribute_value, metadata, title
from interop.source.sizes import Sizes, compute
from interop.source.values import Refusal, Value


def lower(model: ir.Model) -> Source:
    """The network of `model` (canonical): its text, and its weights by the names in it.

    Raises NotLowered with every node that cannot be lowered, and every input or output that Caffe
    does not have.
    """
    _check(model)
    writer = _Writer(model)
    writer.write()
    text = prototxt(model.graph.name or "model", writer.net.layers)
    names = {kind: {v.name or "": v.name or "" for v in values} for kind, values in (
        ("inputs", model.graph.inputs), ("outputs", model.graph.outputs))}  # fmt: skip
    used = {blob for layer in writer.net.layers for blob in layer.blobs}
    weights = {name: array for name, array in writer.net.weights.items() if name in used}
    return Source(text, weights, names["inputs"], names["outputs"])


def _check(model: ir.Model) -> None:
    wrong: dict[str, str] = {}
    for value in (*model.graph.inputs, *model.graph.outputs):
        name, shape = value.name or "", value.shape
        if value.dtype != ir.DataType.FLOAT:
            wrong[name] = f"'{name}': Caffe takes and gives float32, not {value.dtype}"
        elif shape is None or not all(isinstance(dim, int) for dim in shape[1:]):
            wrong[name] = f"'{name}': Caffe needs every size but for the batch (--size name=64)"
    if wrong:
        raise NotLowered(wrong)


class _Writer:
    """Walks over the nodes; what each gives is a blob of the network, or sizes that are known."""

    def __init__(self, model: ir.Model) -> None:
        self.net = Net()
        self._model = model
        self._values: dict[ir.Value, Value] = {}
        self._problems: dict[str, str] = {}

    def write(self) -> None:
        graph = self._model.graph
        self.net.reserve(value.name or "" for node in graph for value in node.outputs)
        for value in graph.inputs:
            shape = [dim if isinstance(dim, int) else 1 for dim in value.shape or ()]
            self.net.input(value.name or "", shape)
            self._declare(value, value.name or "")
        for value in graph.initializers.values():
            assert value.const_value is not None
            self._values[value] = self.net.constant(value.name or "", value.const_value.numpy())
        for node in graph:
            self._node(node)
        self._outputs()
        if self._problems:
            raise NotLowered(self._problems)

    def _declare(self, value: ir.Value, blob: str) -> None:
        known = metadata(value)
        self._values[value] = Value(known.name, known.dtype, known.shape, lambda: blob)

    def _node(self, node: ir.Node) -> None:
        since = len(self.net.layers)
        self.net.begin(node.outputs[0].name or "value")
        try:
            if not self._sized(node):
                self._named(node, self._lowered(node), since)
        except Refusal as refusal:
            assert node.name is not None  # canonical graphs have them, each its own
            self._problems[node.name] = f"{title(node, self._model)}: {refusal}"
            for output in node.outputs:  # so that the nodes behind it can be judged, too
                self._declare(output, output.name or "")

    def _lowered(self, node: ir.Node) -> tuple[Value, ...]:
        lowering = LOWERINGS.get((node.domain, node.op_type))
        if lowering is None:
            raise Refusal("no lowering")
        inputs = [None if value is None else self._values[value] for value in node.inputs]
        while inputs and inputs[-1] is None:
            inputs.pop()
        keywords = {name: attribute_value(given) for name, given in node.attributes.items()}
        about = Node(tuple(metadata(output).shape for output in node.outputs))
        try:
            inspect.signature(lowering).bind(self.net, about, *inputs, **keywords)
        except TypeError as error:
            raise Refusal(f"not covered with these inputs or attributes: {error}") from error
        answer = lowering(self.net, about, *inputs, **keywords)
        return answer if isinstance(answer, tuple) else (answer,)

    def _named(self, node: ir.Node, answers: tuple[Value, ...], since: int) -> None:
        """Blobs get the names of the node's results; but a blob that was there before keeps its own."""
        for output in node.outputs[len(answers) :]:
            if output.uses() or output.is_graph_output():
                raise Refusal(f"its output '{output.name}' is not covered")
        made = {top for layer in self.net.layers[since:] for top in layer.tops}
        for output, answer in zip(node.outputs, answers, strict=False):
            if answer.constant is not None:
                self._values[output] = answer
                continue
            name, blob = output.name or "", answer.text
            if blob in made:
                self.net.rename(blob, name, since)
                blob = name
            self._declare(output, blob)

    def _sized(self, node: ir.Node) -> bool:
        """Whether the node is arithmetic of sizes; then its result is known from here on."""
        if node.domain != "" or len(node.outputs) != 1:
            return False
        inputs = [None if value is None else self._values[value] for value in node.inputs]
        keywords = {name: attribute_value(given) for name, given in node.attributes.items()}
        answer = compute(node.op_type, inputs, keywords)
        if answer is None:
            return False
        known = metadata(node.outputs[0])
        self._values[node.outputs[0]] = Sizes(
            known.name, answer[0], scalar=answer[1], dtype=known.dtype or "int64", tensor=_no_tensor
        )
        return True

    def _outputs(self) -> None:
        """Each output is a blob of its name that no layer reads: else Caffe does not give it."""
        wanted = [value.name or "" for value in self._model.graph.outputs]
        for value in self._model.graph.outputs:
            self.net.begin(value.name or "output")
            name, blob = value.name or "", self.net.bottom(self._values[value])
            if blob == name and not any(name in layer.bottoms for layer in self.net.layers):
                continue
            if blob == name:
                blob = f"{name}_read"
                self.net.rename(name, blob)
            self.net.layers.append(Layer(f"{name}_given", "Split", (blob,), (name,), (), {}))
        self.net.silence(wanted)


def _no_tensor(_value: Any, _dtype: str) -> str:
    raise Refusal("a size is used as a number, and Caffe has no integers")
