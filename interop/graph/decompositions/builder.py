"""How decompositions are written: `op.Gather(x, [0, 1], axis=1)` adds a node and gives its output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from interop.source.values import Refusal

#: What a builder takes as an input: a value, an absent one, or numbers that become an initializer.
Operand = ir.Value | np.ndarray | Sequence[int] | int | float | None

#: A number beside a tensor takes the tensor's dtype in these; elsewhere integers are int64.
_ARITHMETIC = frozenset(
    {"Add", "Sub", "Mul", "Div", "Pow", "Mod", "Max", "Min", "Equal", "Less", "Greater",
     "LessOrEqual", "GreaterOrEqual", "Clip", "Where", "Pad"}
)  # fmt: skip
_COMPARISONS = frozenset(
    {"Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Not", "And", "Or", "IsNaN"}
)
_ELEMENTWISE = frozenset({"Abs", "Cast", "CastLike", "Exp", "Identity", "Log", "Neg", "Sqrt"})
_INTEGERS = frozenset({"Shape", "Size", "ArgMax", "ArgMin", "NonZero"})


class Builder:
    """Collects the nodes and initializers that take the place of one node, named after it."""

    def __init__(self, prefix: str) -> None:
        self.nodes: list[ir.Node] = []
        self.initializers: list[ir.Value] = []
        self._prefix = prefix

    def __getattr__(self, op_type: str) -> Callable[..., Any]:
        if not op_type[0].isupper():
            raise AttributeError(op_type)

        def build(*operands: Operand, outputs: int = 1, **attributes: Any) -> Any:
            return self._node(op_type, operands, outputs, attributes)

        return build

    @property
    def prefix(self) -> str:
        """What the names of all that is built begin with."""
        return self._prefix

    def constant(self, value: Any, dtype: Any = None) -> ir.Value:
        """An initializer."""
        array = np.asarray(value, dtype)
        if array.dtype.kind in "OSU":
            return self._text(array)
        name = f"{self._prefix}/constant_{len(self.initializers)}"
        made = ir.Value(
            name=name,
            shape=ir.Shape(array.shape),
            type=ir.TensorType(ir.DataType.from_numpy(array.dtype)),
            const_value=ir.tensor(array, name=name),
        )
        self.initializers.append(made)
        return made

    def _text(self, array: np.ndarray) -> ir.Value:
        name = f"{self._prefix}/constant_{len(self.initializers)}"
        data = [text.encode() if isinstance(text, str) else bytes(text) for text in array.flat]
        shape = ir.Shape(array.shape)
        made = ir.Value(
            name=name,
            shape=shape,
            type=ir.TensorType(ir.DataType.STRING),
            const_value=ir.StringTensor(data, shape=shape, name=name),
        )
        self.initializers.append(made)
        return made

    def cast(self, x: ir.Value, dtype: Any) -> ir.Value:
        """`x` in another dtype, given as NumPy's or ONNX's; `x` itself where it has it already."""
        wanted = (
            dtype if isinstance(dtype, ir.DataType) else ir.DataType.from_numpy(np.dtype(dtype))
        )
        return x if x.dtype == wanted else self.Cast(x, to=wanted.value)

    def size(self, x: ir.Value, axis: int) -> ir.Value:
        """The length of `x` along `axis`: int64[1]."""
        if x.shape is not None and isinstance(x.shape[axis], int):
            return self.constant([x.shape[axis]], np.int64)
        if axis == -1:
            return self.Shape(x, start=-1)  # type: ignore[no-any-return]
        return self.Shape(x, start=axis, end=axis + 1)  # type: ignore[no-any-return]

    def vector(self, *sizes: ir.Value | int) -> ir.Value:
        """int64[1] values and numbers as one int64 vector."""
        parts = [s if isinstance(s, ir.Value) else self.constant([s], np.int64) for s in sizes]
        return parts[0] if len(parts) == 1 else self.Concat(*parts, axis=0)

    def reshape(self, x: Operand, *sizes: ir.Value | int) -> ir.Value:
        if all(isinstance(size, int) for size in sizes):
            made: ir.Value = self.Reshape(x, list(sizes))
            return made
        return self.Reshape(x, self.vector(*sizes))  # type: ignore[no-any-return]

    def slice(self, x: ir.Value, axis: int, start: int, stop: int, step: int = 1) -> ir.Value:
        return self.Slice(x, [start], [stop], [axis], [step])  # type: ignore[no-any-return]

    def range(self, size: ir.Value, dtype: Any = np.int64) -> ir.Value:
        """0 … size - 1 for an int64[1] size."""
        if size.const_value is not None:
            return self.constant(np.arange(size.const_value.numpy().item()), dtype)
        return self.cast(self.Range(0, self.Squeeze(size, [0]), 1), dtype)

    def repeat(
        self,
        turns: ir.Value,
        start: ir.Value,
        take: Callable[[Builder, ir.Value], tuple[ir.Value, list[ir.Value]]],
    ) -> Any:
        """A Loop of `turns` (int64 scalar): `take` gives the next state, and what is kept of a turn.

        Returns what was kept, stacked along a new first axis.
        """
        number = len(self.nodes)
        body = Builder(f"{self._prefix}/body_{number}")
        name = f"{self._prefix}/loop_{number}"
        turn = ir.val(f"{name}/turn", ir.DataType.INT64, [])
        go_on = ir.val(f"{name}/condition", ir.DataType.BOOL, [])
        state = ir.val(f"{name}/state", start.dtype, start.shape)
        rest, kept = take(body, state)
        outputs = [body.Identity(go_on), rest, *kept]
        outputs[0].type = ir.TensorType(ir.DataType.BOOL)
        self.initializers += body.initializers
        graph = ir.Graph([turn, go_on, state], outputs, nodes=body.nodes, name=name)
        results = self.Loop(turns, None, start, body=graph, outputs=1 + len(kept))
        for made, inner in zip(results, outputs[1:], strict=True):
            made.type = inner.type
        return results[1:]

    def _node(
        self, op_type: str, operands: Sequence[Operand], outputs: int, attributes: dict[str, Any]
    ) -> Any:
        beside = [v for v in operands if isinstance(v, ir.Value)]
        if op_type == "Where" and isinstance(operands[0], ir.Value):
            beside = beside[1:]
        dtype = beside[0].dtype if beside and op_type in _ARITHMETIC else None
        inputs = [self._input(operand, dtype) for operand in operands]
        if op_type == "Pad" and len(operands) > 1 and not isinstance(operands[1], ir.Value):
            inputs[1] = self.constant(operands[1], np.int64)
        node = ir.node(op_type, inputs, attributes, num_outputs=outputs)
        node.name = f"{self._prefix}/{op_type}_{len(self.nodes)}"
        for index, output in enumerate(node.outputs):
            output.name = f"{node.name}/{index}"
            found = _dtype(op_type, index, inputs, attributes)
            if found is not None:
                output.type = ir.TensorType(found)
        self.nodes.append(node)
        return node.outputs[0] if outputs == 1 else tuple(node.outputs)

    def _input(self, operand: Operand, dtype: ir.DataType | None) -> ir.Value | None:
        if operand is None or isinstance(operand, ir.Value):
            return operand
        if isinstance(operand, (np.ndarray, np.generic)):
            return self.constant(operand)
        if dtype is not None:
            return self.constant(np.asarray(operand, dtype.numpy()))
        floating = isinstance(operand, float)
        return self.constant(operand, np.float32 if floating else np.int64)


def _dtype(
    op_type: str, index: int, inputs: Sequence[ir.Value | None], attributes: dict[str, Any]
) -> ir.DataType | None:
    if op_type == "Cast":
        return ir.DataType(attributes["to"])
    if op_type in _COMPARISONS:
        return ir.DataType.BOOL
    if op_type in _INTEGERS or (op_type == "TopK" and index == 1):
        return ir.DataType.INT64
    if op_type in ("ConvInteger", "MatMulInteger"):
        return ir.DataType.INT32
    at = {"Where": 1, "OneHot": 2, "CastLike": 1}.get(op_type, 0)
    source = inputs[at] if at < len(inputs) else None
    return None if source is None else source.dtype


class Operator:
    """What a decomposition sees of the node that it replaces."""

    def __init__(self, node: ir.Node) -> None:
        self._node = node

    @property
    def outputs(self) -> int:
        """How many outputs there are, down to the last that is used."""
        return len(self._node.outputs)

    def __getitem__(self, index: int) -> ir.Value:
        """An input that must be there."""
        value = self.get(index)
        if value is None:
            raise Refusal(f"input {index} is missing")
        return value

    def get(self, index: int) -> ir.Value | None:
        """An input, or None where it is absent."""
        inputs = self._node.inputs
        return inputs[index] if index < len(inputs) else None

    @property
    def inputs(self) -> tuple[ir.Value | None, ...]:
        return tuple(self._node.inputs)

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute as a Python number, text, list or array; `default` where it is absent."""
        found = self._node.attributes.get(name)
        if found is None:
            return default
        if found.type == ir.AttributeType.TENSOR:
            return found.as_tensor().numpy()
        value = found.value
        return list(value) if isinstance(value, (list, tuple)) else value

    def uses(self, output: int) -> bool:
        """Is this output there, and used?"""
        if output >= self.outputs or not self._node.outputs[output].name:
            return False
        value = self._node.outputs[output]
        return bool(value.uses()) or value.is_graph_output()

    def output_shape(self, index: int = 0) -> list[int | None] | None:
        """The sizes of an output, None for those that are not known; None without a rank.

        What only a function of each element reads has the shape of that function's result.
        """
        value = self._node.outputs[index]
        while value.shape is None or not all(isinstance(dim, int) for dim in value.shape):
            readers = [use.node for use in value.uses()]
            if len(readers) != 1 or readers[0].op_type not in _ELEMENTWISE or readers[0].domain:
                break
            value = readers[0].outputs[0]
        if value.shape is None:
            value = self._node.outputs[index]
        if value.shape is None:
            return None
        return [dim if isinstance(dim, int) else None for dim in value.shape]

    def output_dtype(self, index: int = 0) -> ir.DataType:
        found = self._node.outputs[index].dtype
        if found is None:
            raise Refusal(f"the dtype of output {index} is not known")
        return found


def rank(x: ir.Value) -> int:
    """The rank; a Refusal where it is not known."""
    if x.shape is None:
        raise Refusal(f"the rank of '{x.name}' is not known")
    return len(x.shape)


def sizes(x: ir.Value) -> list[int | None]:
    """The sizes along each axis; None for those that are not known."""
    rank(x)
    assert x.shape is not None
    return [dim if isinstance(dim, int) else None for dim in x.shape]


def static(x: ir.Value, axis: int, what: str) -> int:
    """The size along `axis`; a Refusal where it is not known."""
    found = sizes(x)[axis]
    if found is None:
        raise Refusal(f"the {what} (axis {axis} of '{x.name}') is not known")
    return found


def known(x: ir.Value | None) -> np.ndarray | None:
    """The constant value, or None."""
    if x is None or x.const_value is None:
        return None
    return x.const_value.numpy()


def required(x: ir.Value, what: str) -> np.ndarray:
    found = known(x)
    if found is None:
        raise Refusal(f"{what} ('{x.name}') must be constant")
    return found


def dtype(x: ir.Value) -> ir.DataType:
    if x.dtype is None:
        raise Refusal(f"the dtype of '{x.name}' is not known")
    return x.dtype
