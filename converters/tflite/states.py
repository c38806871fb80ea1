"""A file's function as a function of its inputs alone: what it remembers becomes inputs and outputs.

TFLite keeps state in resource variables. ONNX has nothing of the kind, so each variable becomes an
input, which is what it holds before the call, and an output, which is what it holds after it. The
flatbuffer itself is rewritten so, and its own interpreter runs the result: nothing else changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from interop.converters.tflite import reading

from interop.workers.failures import GuestFailure

#: Behind a variable's name, that of the output which is its next value.
NEXT = "_next"


@dataclass(frozen=True)
class State:
    """A variable's name, and its first value where the file gives one."""

    name: str
    first: np.ndarray | None


def _kind(model: Any, operator: Any) -> int:
    code = model.operatorCodes[operator.opcodeIndex]
    return int(max(code.builtinCode, code.deprecatedBuiltinCode))


_Kind = schema.BuiltinOperator


def explicit(model: Any, index: int) -> list[State]:
    """Rewrite subgraph `index` of `model` (the schema's objects) in place; returns its variables.

    Its signature has them behind its own inputs and outputs. Raises GuestFailure where a variable
    is used in a branch or a loop.
    """
    graph = model.subgraphs[index]
    kinds = [_kind(model, one) for one in graph.operators or ()]
    if not any(kind in _STATEFUL for kind in kinds):
        return []
    _refuse_inner(model, index, kinds, graph.operators)
    firsts = _first_values(model, kinds, graph.operators)
    use, kept = _walk(graph, kinds)
    signature = next(one for one in model.signatureDefs if one.subgraphIndex == index)
    for name, first in use.first.items():
        given = first
        if given is None:  # it is only written
            given = len(graph.tensors)
            graph.tensors.append(_like(graph.tensors[use.last[name]]))
        graph.tensors[given].name = name.encode()
        graph.inputs = np.append(graph.inputs, given).astype(np.int32)
        signature.inputs.append(_entry(name, given))
        last = use.last.get(name, given)
        graph.outputs = np.append(graph.outputs, last).astype(np.int32)
        signature.outputs.append(_entry(name + NEXT, last))
    for operator in kept:
        operator.inputs = np.array(
            [use.replaced.get(int(i), int(i)) for i in operator.inputs], np.int32
        )
    graph.operators = kept
    return [State(name, firsts.get(name)) for name in use.first]


_STATEFUL = {_Kind.VAR_HANDLE, _Kind.READ_VARIABLE, _Kind.ASSIGN_VARIABLE, _Kind.CALL_ONCE}


def _refuse_inner(model: Any, index: int, kinds: list[int], operators: Any) -> None:
    """Only what initializes may touch variables from a subgraph of its own."""
    first = {o.builtinOptions.initSubgraphIndex
             for o, kind in zip(operators, kinds, strict=True) if kind == _Kind.CALL_ONCE}  # fmt: skip
    for number, graph in enumerate(model.subgraphs):
        if number == index or number in first:
            continue
        if any(_kind(model, one) in _STATEFUL for one in graph.operators or ()):
            raise GuestFailure(
                "UnsupportedOperator",
                "a variable is used inside a branch, a loop or another signature of this model",
                hint="Its state cannot be made inputs and outputs; keep variables to one function.",
            )


@dataclass(frozen=True)
class _Use:
    """first: variable → the tensor that it is first read into, None where it is only written. last: →
    the tensor that it is set to at last. replaced: tensors that it is read into otherwise → what stands
    for them."""

    first: dict[str, int | None]
    last: dict[str, int]
    replaced: dict[int, int]


def _walk(graph: Any, kinds: list[int]) -> tuple[_Use, list[Any]]:
    """How the variables are used, and the operators that are none of this."""
    handles: dict[int, str] = {}
    use = _Use({}, {}, {})
    kept = []
    for operator, kind in zip(graph.operators, kinds, strict=True):
        if kind == _Kind.VAR_HANDLE:
            handles[int(operator.outputs[0])] = _shared_name(operator)
        elif kind == _Kind.READ_VARIABLE:
            name, made = handles[int(operator.inputs[0])], int(operator.outputs[0])
            held = use.last.get(name, use.first.get(name))
            if held is None:
                use.first[name] = made
            else:
                use.replaced[made] = held
        elif kind == _Kind.ASSIGN_VARIABLE:
            name, value = handles[int(operator.inputs[0])], int(operator.inputs[1])
            use.first.setdefault(name, None)
            use.last[name] = use.replaced.get(value, value)
        elif kind != _Kind.CALL_ONCE:
            kept.append(operator)
    return use, kept


def _first_values(model: Any, kinds: list[int], operators: Any) -> dict[str, np.ndarray]:
    """What the subgraphs that run once, before the first call, set variables to."""
    found: dict[str, np.ndarray] = {}
    for operator, kind in zip(operators, kinds, strict=True):
        if kind != _Kind.CALL_ONCE:
            continue
        graph = model.subgraphs[operator.builtinOptions.initSubgraphIndex]
        handles: dict[int, str] = {}
        for inner in graph.operators or ():
            if _kind(model, inner) == _Kind.VAR_HANDLE:
                handles[int(inner.outputs[0])] = _shared_name(inner)
            elif _kind(model, inner) == _Kind.ASSIGN_VARIABLE:
                value = reading.constant(model, graph.tensors[inner.inputs[1]])
                if value is not None:
                    found[handles[int(inner.inputs[0])]] = value
    return found


def _shared_name(operator: Any) -> str:
    return str(operator.builtinOptions.sharedName.decode("utf-8", "replace"))


def _like(tensor: Any) -> Any:
    made = schema.TensorT()
    for name in ("shape", "shapeSignature", "type", "quantization", "hasRank"):
        setattr(made, name, getattr(tensor, name))
    return made  # of buffer 0, which is empty by convention


def _entry(name: str, tensor: int) -> Any:
    made = schema.TensorMapT()
    made.name, made.tensorIndex = name.encode(), tensor
    return made


def sign(model: Any) -> bool:
    """Give subgraph 0 a signature by its tensors' names, where the file has none; True if it had not."""
    if model.signatureDefs:
        return False
    graph = model.subgraphs[0]
    made = schema.SignatureDefT()
    made.signatureKey, made.subgraphIndex = b"main", 0
    made.inputs = [_entry(name, index) for name, index in _distinct(graph, graph.inputs)]
    made.outputs = [_entry(name, index) for name, index in _distinct(graph, graph.outputs)]
    model.signatureDefs = [made]
    return True


def _distinct(graph: Any, indices: Any) -> list[tuple[str, int]]:
    found: dict[str, int] = {}
    for index in indices:
        name = graph.tensors[index].name
        text = name.decode("utf-8", "replace") if name else f"tensor_{index}"
        while text in found:
            text += "_"
        found[text] = int(index)
    return list(found.items())


def packed(model: Any) -> bytes:
    """The flatbuffer of `model`."""
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
