"""The true value of a model's outputs: the graph evaluated in float64 from end to end.

ONNX's reference evaluator runs the float64 twin of the graph (`double.py`), with our own versions
of the operators that it has too slow, too narrow or not to the letter (`operators/`). Weights stay
as the model has them, and are widened for the node that reads them (`_Weights`): the memory beyond
the model is that of one node's operands.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import RuntimeContextError
from onnx.reference.ops._op_list import load_op

from interop.errors import InvalidModel, UnsupportedOperator
from interop.parity.floor.session import skeleton
from interop.parity.mapped import array_of
from interop.parity.settings import graphs, reads
from interop.parity.truth.double import double_model, widen_array
from interop.parity.truth.operators import OPERATORS
from interop.parity.truth.randomness import random_nodes

Array = np.ndarray[Any, Any]

#: Elements from which on an initialiser is not part of the twin, and bytes of widened ones that
#: are kept from one run to the next.
LARGE = 1 << 10
KEPT = 1 << 28


class Truth:
    """A model ready to be evaluated in float64.

    What the evaluator lacks is written out in simpler operators where that is known how, and is
    then one of `written_out`; that is float64 all the same. Raises UnsupportedOperator for a node
    with random output, or one that cannot be evaluated in float64 (it is named): there is no
    fallback to a narrower type.
    """

    def __init__(self, model: ModelProto) -> None:
        for node in random_nodes(model):
            raise _no_truth(node)
        weights = _Weights(model)
        bare, self.written_out = _write_out(skeleton(model, weights))
        twin = double_model(bare)
        self._evaluator = _Evaluator(twin, new_ops=list(OPERATORS))
        self._evaluator.weights = weights
        self.output_names: tuple[str, ...] = tuple(self._evaluator.output_names)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name, in the model's order; floats are float64 whatever the model says.

        `inputs` are as the model takes them (float32 and so on): exact in float64.
        """
        feeds = {name: widen_array(np.asarray(array)) for name, array in inputs.items()}
        with np.errstate(all="ignore"):  # infinities and NaNs are results, not accidents
            outputs = self._evaluator.run(None, feeds)
        return dict(zip(self.output_names, outputs, strict=True))


class _Weights(Mapping[str, Array]):
    """The large initialisers of a model, widened at each reading; all are kept if they are few."""

    def __init__(self, model: ModelProto) -> None:
        large = [t for t in model.graph.initializer if math.prod(t.dims) >= LARGE]
        self._tensors = {tensor.name: tensor for tensor in large}
        self._kept: dict[str, Array] | None = None
        if sum(8 * math.prod(tensor.dims) for tensor in large) <= KEPT:
            self._kept = {}

    def __getitem__(self, name: str) -> Array:
        if self._kept is not None and name in self._kept:
            return self._kept[name]
        array = widen_array(array_of(self._tensors[name]))
        if self._kept is not None:
            self._kept[name] = array
        return array

    def __contains__(self, name: object) -> bool:
        return name in self._tensors

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


def _write_out(model: ModelProto) -> tuple[ModelProto, tuple[str, ...]]:
    """`model` without the operators that the evaluator lacks, and which those were; what has no
    decomposition either is left for the evaluator to refuse."""
    lacking = {
        node.op_type
        for graph in graphs(model.graph)
        for node in graph.node
        if node.domain == "" and not _evaluated(node.op_type)
    }
    if not lacking:
        return model, ()
    import onnx_ir as ir  # guests that import this package need not have it

    from interop.graph.decompositions.apply import decompose

    parsed = ir.from_proto(model)
    nodes = [node for node in parsed.graph.all_nodes() if node.op_type in lacking]
    for number, node in enumerate(nodes):
        node.name = node.name or f"{node.op_type}_{number}"
    done, _ = decompose(parsed, nodes)
    return (ir.to_proto(parsed), tuple(sorted(done))) if done else (model, ())


def _evaluated(kind: str) -> bool:
    if any(operator.__name__ == kind for operator in OPERATORS):
        return True
    try:
        load_op("", kind)
    except RuntimeContextError:  # known, and waits for the types of its inputs
        return True
    except (NotImplementedError, RuntimeError, ValueError):
        return False
    return True


def _describe(node: Any) -> str:
    name = f" {node.name!r}" if node.name else ""
    return f"{node.op_type}{name} (output {next(iter(node.output), '')!r})"


def _no_truth(node: NodeProto) -> UnsupportedOperator:
    return UnsupportedOperator(
        f"{_describe(node)} draws random numbers or is in training mode: "
        "its output has no true value to compare with",
        hint="Export the model in inference mode, or make the random values an input.",
    )


class _Evaluator(ReferenceEvaluator):  # type: ignore[misc]
    """ONNX's evaluator, but it names the node that fails, frees each value after its last use
    (the original keeps all of them to the end) and refuses values that fell out of float64."""

    #: Initialisers that are not in the graph; the bodies of Loop and others have none.
    weights: Mapping[str, Array] = MappingProxyType({})

    def _init(self) -> None:
        super()._init()
        self._dead = _last_uses(self.nodes_, set(self.output_names))

    def _load_impl(self, node: NodeProto, input_types: Any = None) -> Any:
        try:
            return super()._load_impl(node, input_types)
        except RuntimeContextError:
            raise  # the base class answers by waiting for the input's type
        except (NotImplementedError, RuntimeError, ValueError) as error:
            raise UnsupportedOperator(
                f"{node.domain or 'ai.onnx'}::{_describe(node)} cannot be evaluated in float64",
                hint="Without a true value there is no proof; remove or replace this operator.",
                detail=str(error).splitlines()[0],
            ) from error

    def run(  # type: ignore[override]
        self,
        output_names: Any,
        feed_inputs: Mapping[str, Any],
        attributes: dict[str, Any] | None = None,
        **_: Any,
    ) -> list[Any]:
        values: dict[str, Any] = {"": None, **self.rt_inits_, **feed_inputs}
        for node, dead in zip(self.rt_nodes_, self._dead, strict=True):
            needed = reads(node.onnx_node) & self.weights.keys()
            here = {**values, **{n: self.weights[n] for n in needed}} if needed else values
            outputs = self._evaluate(node, here, attributes)
            del here
            values.update(zip(node.output, outputs, strict=False))
            for name in dead:
                values.pop(name, None)
        given = {**values, **{n: self.weights[n] for n in self.output_names if n in self.weights}}
        return [given[name] for name in output_names or self.output_names]

    @staticmethod
    def _evaluate(node: Any, values: dict[str, Any], attributes: dict[str, Any] | None) -> Any:
        options: dict[str, Any] = {}
        if node.has_linked_attribute and attributes:
            options["linked_attributes"] = attributes
        if node.need_context():
            options["context"] = values
        try:
            outputs = node.run(*[values[name] for name in node.input], **options)
        except (UnsupportedOperator, InvalidModel):
            raise  # from a node inside: already named
        except Exception as error:
            raise InvalidModel(
                f"{_describe(node.onnx_node)} failed in the float64 evaluation: {error}",
                hint="Check that the input sizes suit the model (--data gives your own).",
            ) from error
        for value in outputs:
            if isinstance(value, np.ndarray) and value.dtype.name in ("float32", "float16"):
                raise UnsupportedOperator(
                    f"{_describe(node.onnx_node)} has no float64 evaluation: "
                    f"it came out as {value.dtype}",
                    hint="Report this operator: it needs a row in interop/parity/truth/operators.",
                )
        return outputs


def _last_uses(nodes: Any, keep: set[str]) -> list[list[str]]:
    """For each node, the values that nobody needs after it."""
    seen = set(keep) | {""}
    dead: list[list[str]] = []
    for node in reversed(list(nodes)):
        done = (reads(node) | set(node.output)) - seen
        seen |= done
        dead.append(sorted(done))
    return dead[::-1]
