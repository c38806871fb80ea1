"""Prints a canonical graph as statements, by a target's table of lowerings.

Framework-neutral: a target gives its table, and a Style with the few words in which targets differ.
"""

from __future__ import annotations

import inspect
import keyword
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import onnx_ir as ir

from interop.errors import UnsupportedOperator
from interop.source.expression import ATOM, Expression
from interop.source.sizes import Sizes, compute
from interop.source.slots import Slots
from interop.source.values import Constant, Refusal, Unpack, Value

#: (domain, operator) → the function that lowers it.
Table = Mapping[tuple[str, str], Callable[..., Any]]

_INDENT = "    "
_TEXT = ir.DataType.STRING


@dataclass(frozen=True)
class Style:
    """What differs between targets.

    `inline` prints a small constant, or gives None to keep it among the weights. `sizes(value,
    dtype)` is the text for a tensor of an integer or a list of them; with it, what follows from
    shapes is kept in Python's integers (interop.source.sizes), without it in tensors. With `eager`,
    a name is used again once its value is dead, so that the value's memory is, too.
    `weight(name, array)` is the text for a stored weight, where it is no attribute `self.name`;
    `depth` says how far the statements are indented. Only with `text` may tensors hold text.
    """

    reserved: frozenset[str]  # names that the printed module uses itself
    inline: Callable[[np.ndarray], str | None]
    sizes: Callable[[Any, str], str] | None = None
    eager: bool = False
    weight: Callable[[str, np.ndarray], str] | None = None
    depth: int = 2
    text: bool = False


@dataclass(frozen=True)
class Body:
    """The printed statements and what they use."""

    lines: tuple[str, ...]
    weights: dict[str, np.ndarray]  # kept weights by their ONNX names
    attributes: dict[str, str]  # a weight's text as the statements have it → key in `weights`
    inputs: dict[str, str]  # ONNX name → argument
    outputs: dict[str, str]  # ONNX name → key
    results: dict[str, str]  # key → expression


#: Of more refusals than this, the message tells no more: unrolled loops say the same of every turn.
_MOST_TOLD = 20


class NotLowered(UnsupportedOperator):
    """Some nodes have no lowering, or theirs refuses them: `reasons` by the nodes' names."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        told = list(reasons.values())[:_MOST_TOLD]
        first = f"; the first {len(told)}" if len(told) < len(reasons) else ""
        super().__init__(
            f"{len(reasons)} node(s) cannot be lowered{first}:\n  " + "\n  ".join(told),
            hint="Convert to a framework that covers them (docs/operators.md lists what each does), "
            "add a lowering (the README says how), or change the model to avoid them.",
        )
        self.reasons = dict(reasons)


class Node:
    """What a lowering may ask of its node beside inputs and attributes (its parameter `node`)."""

    def __init__(self, printer: Printer, source: ir.Node) -> None:
        self._printer, self._source = printer, source
        self.outputs = [metadata(output) for output in source.outputs]

    @property
    def used(self) -> list[bool]:
        """Which outputs anybody reads."""
        return [bool(o.uses()) or o.is_graph_output() for o in self._source.outputs]

    @property
    def readers(self) -> set[str]:
        """The operators that read its outputs."""
        return {use.node.op_type for output in self._source.outputs for use in output.uses()}

    def function(self, graph: ir.Graph, name: str) -> Expression:
        """Print `graph` as a local function over its inputs; returns its name."""
        return self._printer.function(graph, name)


@dataclass(frozen=True)
class Metadata:
    name: str
    dtype: str | None
    shape: tuple[int | None, ...] | None


def print_graph(model: ir.Model, table: Table, style: Style) -> Body:
    """Lower every node of `model` (canonical, layout decided).

    Raises NotLowered with every node that has no lowering, or whose lowering refuses it.
    """
    return Printer(model, table, style).print()


class Printer:
    def __init__(self, model: ir.Model, table: Table, style: Style) -> None:
        self._model, self._table, self._style = model, table, style
        self._identifiers: set[str] = set(style.reserved)
        self._names: dict[ir.Value, str] = {}
        self._values: dict[ir.Value, Value] = {}
        self._weights: dict[str, np.ndarray] = {}
        self._kept: dict[tuple[str, str], str] = {}  # (name, form) → attribute
        self._attributes: dict[str, str] = {}  # attribute → key among the weights
        self._problems: dict[str, str] = {}  # node (or output) → what is wrong with it
        self._lines: list[str] = []
        self._depth = style.depth
        self._slots = Slots(model.graph) if style.eager else None

    def print(self) -> Body:
        graph = self._model.graph
        for value in graph.inputs:
            self._declare(value)
        for initializer in graph.initializers.values():
            assert initializer.const_value is not None
            assert initializer.name is not None
            array = initializer.const_value.numpy()
            if array.dtype.kind == "S":
                array = array.astype(object)  # as text is everywhere else
            self._values[initializer] = Constant(initializer.name, array, self._keep)
        self._statements(graph)
        keys = self._keys(graph.outputs)
        results = {}
        for output in graph.outputs:
            assert output.name is not None
            try:
                results[keys[output.name]] = self.value(output).text
            except Refusal as refusal:
                self._problems[output.name] = f"output '{output.name}': {refusal}"
        if self._problems:
            raise NotLowered(self._problems)
        return Body(
            lines=tuple(self._lines),
            weights=self._weights,
            attributes=self._attributes,
            inputs={v.name: self._names[v] for v in graph.inputs if v.name},
            outputs=keys,
            results=results,
        )

    def value(self, value: ir.Value) -> Value:
        if value not in self._values:  # an initializer without a home, or a name from nowhere
            raise Refusal(f"'{value.name}' is not computed by anything")
        return self._values[value]

    def function(self, graph: ir.Graph, name: str) -> Expression:
        unique = self._identifier(name)
        arguments = [self._declare(value) for value in graph.inputs]
        self._emit(f"def {unique}({', '.join(arguments)}):")
        self._depth += 1
        self._statements(graph)
        results = [self.value(output).text for output in graph.outputs]
        self._emit(
            f"return {', '.join(results)}"
            if len(results) == 1
            else f"return [{', '.join(results)}]"
        )
        self._depth -= 1
        return Expression(unique)

    def _statements(self, graph: Iterable[ir.Node]) -> None:
        for node in graph:
            try:
                self._statement(node)
            except Refusal as refusal:
                assert node.name is not None  # canonical graphs have them, each its own
                self._problems[node.name] = f"{title(node, self._model)}: {refusal}"
                for output in node.outputs:  # so that the nodes behind it can be judged, too
                    self._declare(output)

    def _statement(self, node: ir.Node) -> None:
        if not self._style.text and any(v is not None and v.dtype == _TEXT for v in node.inputs):
            raise Refusal("this framework's tensors hold no text")
        if self._style.sizes is not None and self._sized(node, self._style.sizes):
            return
        lowering = self._table.get((node.domain, node.op_type))
        if lowering is None:
            raise Refusal("no lowering")
        inputs = [None if value is None else self.value(value) for value in node.inputs]
        while inputs and inputs[-1] is None:
            inputs.pop()
        keywords = {name: attribute_value(attribute) for name, attribute in node.attributes.items()}
        signature = _signature(lowering)
        if "node" in signature.parameters:
            keywords["node"] = Node(self, node)
        try:
            signature.bind(*inputs, **keywords)
        except TypeError as error:
            raise Refusal(f"not covered with these inputs or attributes: {error}") from error
        answer = lowering(*inputs, **keywords)
        if self._slots is not None:
            self._slots.release(node)
        if isinstance(answer, Unpack):
            targets = [self._declare(output) for output in node.outputs]
            text = answer.expression.text
            if len(targets) == 1:
                self._emit(f"{targets[0]} = {text}[0]")
            else:
                rest = ["*_"] if len(targets) < answer.count else []
                self._emit(f"{', '.join(targets + rest)} = {text}")
            return
        answers = answer if isinstance(answer, tuple) else (answer,)
        for output in node.outputs[len(answers) :]:
            if output.uses() or output.is_graph_output():
                raise Refusal(f"its output '{output.name}' is not covered")
        for output, expression in zip(node.outputs, answers, strict=False):
            text, target = expression.text, self._declare(output)
            if target != text:  # a slot that is used again may hold the value already
                self._emit(f"{target} = {text}")

    def _sized(self, node: ir.Node, tensor: Callable[[Any, str], str]) -> bool:
        """Whether the node is arithmetic of sizes; then its result is known from here on."""
        if node.domain != "" or len(node.outputs) != 1:
            return False
        inputs = [None if value is None else self.value(value) for value in node.inputs]
        keywords = {name: attribute_value(attribute) for name, attribute in node.attributes.items()}
        answer = compute(node.op_type, inputs, keywords)
        if answer is None:
            return False
        (sizes, scalar), output = answer, node.outputs[0]
        known = metadata(output)
        named = [self._named(size, known.name) for size in sizes]
        self._values[output] = Sizes(
            known.name, named, scalar=scalar, dtype=known.dtype or "int64", tensor=tensor
        )
        return True

    def _named(self, size: int | Expression, name: str) -> int | Expression:
        """A size that took arithmetic gets a name, so that its users do not repeat it."""
        if isinstance(size, int) or size.binding == ATOM:
            return size
        unique = self._identifier(name or "size")
        self._emit(f"{unique} = {size.text}")
        return type(size)(unique)

    def _declare(self, value: ir.Value) -> str:
        if self._slots is None or not self._slots.holds(value):
            name = self._identifier(value.name or "value")
        else:
            name = self._slots.take() or self._identifier("x")
            self._slots.give(value, name)
        self._names[value] = name
        known = metadata(value)
        self._values[value] = Value(known.name, known.dtype, known.shape, lambda: name)
        return name

    def _keep(self, name: str, array: np.ndarray, variant: str) -> str:
        """The text for a constant: a literal, or where the module holds a weight."""
        text = self._style.inline(array)
        if text is not None:
            return text
        if (name, variant) not in self._kept:
            taken = any(key == name for key, _ in self._kept)
            stored = f"{name}:{variant}" if taken else name
            if self._style.weight is None:
                attribute = f"self.{self._identifier(name)}"
            else:
                attribute = self._style.weight(stored, array)
            self._kept[(name, variant)] = attribute
            # Files hold memory in C order, whatever strides the array came with.
            self._weights[stored] = np.ascontiguousarray(array).reshape(array.shape)
            self._attributes[attribute] = stored
        return self._kept[(name, variant)]

    def _keys(self, values: Iterable[ir.Value]) -> dict[str, str]:
        keys: dict[str, str] = {}
        for value in values:
            assert value.name is not None
            key = identifier(value.name)
            while key in keys.values():
                key += "_"
            keys[value.name] = key
        return keys

    def _identifier(self, name: str) -> str:
        base = identifier(name)
        unique, count = base, 1
        while unique in self._identifiers:
            unique, count = f"{base}_{count}", count + 1
        self._identifiers.add(unique)
        return unique

    def _emit(self, line: str) -> None:
        self._lines.append(_INDENT * self._depth + line)


_signature = cache(inspect.signature)


def identifier(name: str) -> str:
    """`name` as a Python identifier."""
    text = re.sub(r"\W+", "_", name).strip("_") or "value"
    if text[0].isdigit() or keyword.iskeyword(text):
        text = f"v_{text}"
    return text


def metadata(value: ir.Value) -> Metadata:
    dtype = value.dtype
    shape = None
    if value.shape is not None:
        shape = tuple(dim if isinstance(dim, int) else None for dim in value.shape)
    name = None if dtype in (None, ir.DataType.UNDEFINED) else dtype.numpy().name  # type: ignore[union-attr]
    return Metadata(value.name or "", name, shape)


def attribute_value(attribute: ir.Attr) -> Any:
    if attribute.type == ir.AttributeType.TENSOR:
        return attribute.as_tensor().numpy()
    if attribute.type in (ir.AttributeType.INTS, ir.AttributeType.FLOATS, ir.AttributeType.STRINGS):
        return list(attribute.value)  # type: ignore[arg-type]
    return attribute.value


def title(node: ir.Node, model: ir.Model) -> str:
    domain = node.domain or "ai.onnx"
    if domain == "interop.channels_last":
        domain = "ai.onnx"
    version = model.opset_imports.get(node.domain or "", "")
    return f"{domain}::{node.op_type}-{version} (node '{node.name}')"
