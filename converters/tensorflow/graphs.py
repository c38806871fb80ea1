"""Graphs of TensorFlow 1: version 1 SavedModels, and frozen .pb files; read, run, and frozen."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.python.framework import convert_to_constants

from interop.workers.failures import GuestFailure


@dataclass(frozen=True)
class Graph:
    """A session on a graph. inputs, outputs: our name → the tensor's in the graph ("x:0")."""

    session: Any
    inputs: dict[str, str]
    outputs: dict[str, str]

    def function(self) -> Callable[..., dict[str, tf.Tensor]]:
        """Takes tensors by input name, gives tensors by output name."""

        def run(**tensors: tf.Tensor) -> dict[str, tf.Tensor]:
            feeds = {self.inputs[name]: value.numpy() for name, value in tensors.items()}
            values = self.session.run(self.outputs, feeds)
            return {name: tf.constant(value) for name, value in values.items()}

        return run

    def freeze(self, path: Path) -> None:
        """Write the graph with its variables' values, as one GraphDef.

        What may be fed in the middle of it, and is not, passes on what it is given.
        """
        ends = [name.partition(":")[0] for name in self.outputs.values()]
        frozen = convert_to_constants.convert_variables_to_constants_from_session_graph(
            self.session, self.session.graph.as_graph_def(add_shapes=True), ends
        )
        for node in frozen.node:
            if node.op == "PlaceholderWithDefault":
                node.op = "Identity"
                node.attr["T"].CopyFrom(node.attr["dtype"])
                for name in ("dtype", "shape"):
                    del node.attr[name]
        path.write_bytes(frozen.SerializeToString())


def saved_model(path: str, signature: str) -> Graph:
    """A SavedModel by its graph and signature alone. Raises KeyError where it lacks the signature."""
    graph = tf.Graph()
    session = tf.compat.v1.Session(graph=graph)
    with graph.as_default():
        meta = tf.compat.v1.saved_model.loader.load(session, ["serve"], path)
    if signature not in meta.signature_def:  # asking a protobuf map for a key makes it
        raise KeyError(signature)
    found = meta.signature_def[signature]
    return Graph(
        session,
        {key: info.name for key, info in found.inputs.items()},
        {key: info.name for key, info in found.outputs.items()},
    )


def frozen(path: Path) -> Graph:
    """A frozen graph: its placeholders are the inputs, what nothing reads are the outputs.

    Raises GuestFailure (InvalidModel) where the file holds no such graph.
    """
    definition = tf.compat.v1.GraphDef()
    try:
        definition.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise GuestFailure("InvalidModel", f"{path} holds no TensorFlow graph: {error}") from error
    inputs = [node.name for node in definition.node if node.op == "Placeholder"]
    read = {name.lstrip("^").partition(":")[0] for node in definition.node for name in node.input}
    ends = [
        node.name
        for node in definition.node
        if node.name not in read and node.op not in ("Placeholder", "Const", "NoOp", "Assert")
    ]
    variables = [node.name for node in definition.node if node.op in _VARIABLES]
    if not inputs or not ends or variables:
        raise GuestFailure(
            "InvalidModel",
            f"{path} is no frozen graph: "
            + (f"its variable {variables[0]} has no value" if variables
               else f"it has {len(inputs)} placeholders and {len(ends)} ends"),
            hint="Freeze it, or name the SavedModel's folder.",
        )  # fmt: skip
    graph = tf.Graph()
    with graph.as_default():
        tf.graph_util.import_graph_def(definition, name="")
    session = tf.compat.v1.Session(graph=graph)
    return Graph(session, *({name: f"{name}:0" for name in names} for names in (inputs, ends)))


_VARIABLES = ("Variable", "VariableV2", "VarHandleOp")
