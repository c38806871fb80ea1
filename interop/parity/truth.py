"""The true value of a model's outputs: the graph evaluated in float64 from end to end.

ONNX's reference evaluator runs the float64 twin of the graph (`double.py`), with our own versions
of the operators that it has too slow, too narrow or not to the letter (`operators/`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import RuntimeContextError

from interop.errors import InvalidModel, UnsupportedOperator
from interop.parity.double import double_model, widen_array
from interop.parity.operators import OPERATORS

Array = np.ndarray[Any, Any]

RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform",
     "RandomUniformLike"}
)  # fmt: skip


class Truth:
    """A model ready to be evaluated in float64.

    Raises UnsupportedOperator for a node with random output, or one that cannot be evaluated in
    float64 (it is named): there is no fallback to a narrower type.
    """

    def __init__(self, model: ModelProto) -> None:
        for node in _nodes(model.graph):
            _refuse_random(node)
        self._evaluator = _Evaluator(double_model(model), new_ops=list(OPERATORS))
        self.output_names: tuple[str, ...] = tuple(self._evaluator.output_names)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name, in the model's order; floats are float64 whatever the model says.

        `inputs` are as the model takes them (float32 and so on): exact in float64.
        """
        feeds = {name: widen_array(np.asarray(array)) for name, array in inputs.items()}
        with np.errstate(all="ignore"):  # infinities and NaNs are results, not accidents
            outputs = self._evaluator.run(None, feeds)
        return dict(zip(self.output_names, outputs, strict=True))


def _nodes(graph: GraphProto) -> Iterator[NodeProto]:
    for node in graph.node:
        yield node
        for subgraph in subgraphs(node):
            yield from _nodes(subgraph)


def subgraphs(node: NodeProto) -> list[GraphProto]:
    """The bodies of If, Loop and Scan."""
    single = [a.g for a in node.attribute if a.type == AttributeProto.GRAPH]
    return single + [g for a in node.attribute for g in a.graphs]


def _describe(node: Any) -> str:
    name = f" {node.name!r}" if node.name else ""
    return f"{node.op_type}{name} (output {next(iter(node.output), '')!r})"


def _refuse_random(node: NodeProto) -> None:
    training = any(a.name == "training_mode" and a.i for a in node.attribute)
    dropout = node.op_type == "Dropout" and len(node.input) > 2 and bool(node.input[2])
    if node.op_type in RANDOM or training or dropout:
        raise UnsupportedOperator(
            f"{_describe(node)} draws random numbers or is in training mode: "
            "its output has no true value to compare with",
            hint="Export the model in inference mode, or make the random values an input.",
        )


class _Evaluator(ReferenceEvaluator):  # type: ignore[misc]
    """ONNX's evaluator, but it names the node that fails, frees each value after its last use
    (the original keeps all of them to the end) and refuses values that fell out of float64."""

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
            outputs = self._evaluate(node, values, attributes)
            values.update(zip(node.output, outputs, strict=False))
            for name in dead:
                values.pop(name, None)
        return [values[name] for name in output_names or self.output_names]

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
                    hint="Report this operator: it needs a row in interop/parity/operators.",
                )
        return outputs


def reads(node: NodeProto) -> set[str]:
    """Names that a node reads, those that its subgraphs capture included."""
    names = set(node.input)
    for graph in subgraphs(node):
        inner = {name for inside in graph.node for name in reads(inside)}
        names |= inner | {value.name for value in graph.output}
    return names


def _last_uses(nodes: Any, keep: set[str]) -> list[list[str]]:
    """For each node, the values that nobody needs after it."""
    seen = set(keep) | {""}
    dead: list[list[str]] = []
    for node in reversed(list(nodes)):
        done = (reads(node) | set(node.output)) - seen
        seen |= done
        dead.append(sorted(done))
    return dead[::-1]
