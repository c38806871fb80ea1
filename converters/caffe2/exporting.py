"""Caffe2's nets → ONNX, operator by operator by the table. Python 3.6."""

import numpy as np
from interop.converters.caffe2.exports import EXPORTS, Refused

from interop.workers.failures import GuestFailure
from interop.workers.onnx_file import Graph


class Writer:
    """Writes ONNX nodes, and knows which value each blob holds by now: blobs may be written again."""

    def __init__(self, graph, weights, ranks, dtypes):
        self.graph, self.weights = graph, weights
        self.ranks, self.dtypes = ranks, dtypes
        self.known = {}

    def name(self, blob):
        """The ONNX name of what a blob holds; a weight becomes an initializer."""
        if blob not in self.known:
            if blob not in self.weights:
                raise Refused("'{}' is not computed by anything".format(blob))
            self.known[blob] = self.graph.constant(self.weights[blob], blob)
        return self.known[blob]

    def node(self, operator, *inputs, **attributes):
        return self.graph.node(operator, list(inputs), **attributes)

    def constant(self, value, dtype="int64"):
        return self.graph.constant(np.asarray(value, dtype), "constant")


def export(net, inputs, outputs, weights, results, path):
    """Write the NetDef `net` to `path`.

    inputs: {blob: (dtype, shape with words for sizes that vary)}; outputs: {name: blob}; weights:
    {blob: array}; results: what every blob held when the net was run, {blob: array}.

    Raises GuestFailure, naming every operator that has no ONNX form here.
    """
    graph = Graph(opset=18)
    ranks = {blob: array.ndim for blob, array in results.items()}
    dtypes = {blob: array.dtype.name for blob, array in results.items()}
    writer = Writer(graph, weights, ranks, dtypes)
    for blob, (dtype, shape) in inputs.items():
        graph.input(blob, dtype, shape)
        writer.known[blob] = blob
    graph.reserve(outputs)
    problems = []
    for op in net.op:
        try:
            made = _write(writer, op)
        except Refused as reason:
            problems.append("{} ('{}'): {}".format(op.type, op.output[0], reason))
            made = ["nothing"] * len(op.output)
        writer.known.update(zip(op.output, made))
    if problems:
        raise GuestFailure(
            "UnsupportedOperator",
            "{} operator(s) of this model cannot be written as ONNX:\n  {}".format(
                len(problems), "\n  ".join(problems)
            ),
        )
    for name, blob in outputs.items():
        graph.node("Identity", [writer.name(blob)], name)
        array = results[blob]
        graph.output(name, array.dtype, [None] * array.ndim)
    graph.save(path)


def _write(writer, op):
    if op.type not in EXPORTS:
        raise Refused("no converter")
    arguments = {one.name: _value(one) for one in op.arg}
    if arguments.get("order", "NCHW") not in ("NCHW", ""):
        raise Refused("channels that stand last")
    made = EXPORTS[op.type](writer, op, arguments, *[writer.name(blob) for blob in op.input])
    return [made] if isinstance(made, str) else made


def _value(argument):
    """A number, a text, or a list of numbers."""
    for field in ("f", "i", "s"):
        if argument.HasField(field):
            value = getattr(argument, field)
            return value.decode("utf-8") if field == "s" else value
    return list(argument.floats or argument.ints)
