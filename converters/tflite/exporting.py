"""A function of a TFLite file → ONNX, operator by operator, by the table.

tf2onnx has a reader of TFLite, too. It is right about real models, fails on fully quantized ones with
variables, and leaves away that data are rounded where they meet weights of 8 bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from interop.converters.tflite.exports.folding import known_constants
from interop.converters.tflite.exports.table import EXPORTS
from interop.converters.tflite.operator import Op, Refused, Scope
from interop.converters.tflite.reading import Model, Signature, Subgraph, Tensor

from interop.workers.failures import GuestFailure
from interop.workers.onnx_file import Graph

#: In which 16-bit numbers can be quantized.
_OPSET = 21


def export(
    model: Model, signature: Signature, outputs: Sequence[str], words: dict[str, Any], path: Path
) -> None:
    """Write the function of `signature` to `path`, its inputs and `outputs` by their names there.

    words: input → its declared shape, whose words name open dimensions; else one that is open in
    front of all inputs is "batch".

    Raises GuestFailure, naming every operator that has no ONNX form here, before anything is written.
    """
    _refuse_unknown(model, signature.subgraph)
    subgraph = model.subgraphs[signature.subgraph]
    graph = Graph(_OPSET)
    graph.reserve(outputs)
    walk = _Walk(model)
    given = {}
    for name, index in signature.inputs.items():
        tensor = subgraph.tensors[index]
        graph.input(name, tensor.dtype, _dims(subgraph, signature, name, tensor, words.get(name)))
        given[index] = name
    scope = walk.through(signature.subgraph, graph, given)
    for name in outputs:
        index = signature.outputs[name]
        result = walk.result(scope, index)
        graph.node("Identity", [result], name)
        tensor = subgraph.tensors[index]
        # What is open is found anew, from the inputs.
        sizes = [size if size >= 0 else f"{name}_{axis}" for axis, size in enumerate(tensor.shape)]
        graph.output(name, tensor.dtype, sizes)
    if walk.problems:
        raise _unsupported(walk.problems)
    graph.save(str(path))


def _dims(
    subgraph: Subgraph, signature: Signature, name: str, tensor: Tensor, words: Any
) -> list[int | str]:
    shapes = [subgraph.tensors[index].shape for index in signature.inputs.values()]
    batched = all(shape and shape[0] < 0 for shape in shapes)
    dims: list[int | str] = []
    for axis, size in enumerate(tensor.shape):
        word = words[axis] if words and axis < len(words) else None
        if size >= 0:
            dims.append(size)
        elif isinstance(word, str):
            dims.append(word)
        else:
            dims.append("batch" if axis == 0 and batched else f"{name}_dim{axis}")
    return dims


def _refuse_unknown(model: Model, index: int) -> None:
    unknown: dict[str, int] = {}
    for number in _reached(model, index):
        for operator in model.subgraphs[number].operators:
            if operator.name not in EXPORTS:
                unknown[operator.name] = unknown.get(operator.name, 0) + 1
    if unknown:
        raise _unsupported([f"{name}, {count} times" for name, count in sorted(unknown.items())])


def _unsupported(problems: Sequence[str]) -> GuestFailure:
    return GuestFailure(
        "UnsupportedOperator",
        "{} operator(s) of this TFLite model cannot be written as ONNX:\n  {}".format(
            len(problems), "\n  ".join(problems)
        ),
        hint="Convert the model that this file was made from, where you have it.",
    )


def _reached(model: Model, index: int, seen: frozenset[int] = frozenset()) -> Iterator[int]:
    """The subgraph and all that its operators call."""
    yield index
    for operator in model.subgraphs[index].operators:
        for name, value in operator.options.items():
            if name.lower().endswith("subgraphindex") and value not in (*seen, index):
                yield from _reached(model, value, seen | {index})


class _Walk:
    """Through a subgraph and those that it calls; what cannot be written is noted in `problems`."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.problems: list[str] = []

    def through(self, index: int, graph: Graph, given: dict[int, str]) -> Scope:
        """Write subgraph `index` into `graph`. given: tensor → what it is called there."""
        subgraph = self._model.subgraphs[index]
        constants, operators = known_constants(subgraph)
        scope = Scope(graph, subgraph, constants, self.call, self._model.subgraphs)
        scope.names.update({(tensor, "last"): name for tensor, name in given.items()})
        for operator in operators:
            try:
                EXPORTS[operator.name](Op(scope, operator))
            except Refused as reason:
                name = (
                    subgraph.tensors[operator.outputs[0]].name if operator.outputs else "no result"
                )
                self.problems.append(f"{operator.name} ({name}): {reason}")
                scope.names.update({(tensor, "last"): "nothing" for tensor in operator.outputs})
        return scope

    def call(self, index: int, graph: Graph, operands: Sequence[str]) -> list[str]:
        """Write subgraph `index` on `operands`, and return what its outputs are called."""
        subgraph = self._model.subgraphs[index]
        scope = self.through(index, graph, dict(zip(subgraph.inputs, operands, strict=True)))
        return [self.result(scope, tensor) for tensor in subgraph.outputs]

    def result(self, scope: Scope, index: int) -> str:
        try:
            return scope.stored(index)
        except Refused as reason:
            self.problems.append(f"output {index}: {reason}")
            return "nothing"
