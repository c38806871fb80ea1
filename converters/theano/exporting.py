"""A Theano graph → ONNX, node by node by the table. Python 3.6."""

from interop.converters.theano.exports.table import EXPORTS
from interop.converters.theano.exports.writing import Refused, Writer

from interop.workers.failures import GuestFailure
from interop.workers.onnx_file import Graph


def export(inputs, outputs, specs, path):
    """Write the graph between `inputs` and `outputs`, {name: variable}, to `path`.

    specs: {name: {"shape": integers, and words for dimensions that vary}} of the inputs. Raises
    GuestFailure, naming every operator that has no ONNX form here.
    """
    graph = Graph(opset=18)
    writer = Writer(graph, EXPORTS)
    for name, variable in inputs.items():
        graph.input(name, variable.type.dtype, specs[name]["shape"])
        writer.declare(variable, name)
    graph.reserve(outputs)
    writer.write(list(inputs.values()), list(outputs.values()))
    for name, variable in outputs.items():
        try:
            graph.node("Identity", [writer.name(variable)], name)
        except Refused as reason:
            writer.problems.append(f"output '{name}': {reason}")
        graph.output(name, variable.type.dtype, [None] * variable.ndim)
    if writer.problems:
        raise GuestFailure(
            "UnsupportedOperator",
            "{} operator(s) of this model cannot be written as ONNX:\n  {}".format(
                len(writer.problems), "\n  ".join(writer.problems)
            ),
        )
    graph.save(path)
