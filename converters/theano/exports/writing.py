"""What converters of operators share: the graph being written, and what is known of variables."""

import numpy as np
import theano
from theano.compile.sharedvalue import SharedVariable
from theano.gof.graph import Constant, io_toposort
from theano.gof.graph import inputs as ancestors

from interop.workers.onnx_file import dtype_number


class Refused(Exception):
    """An operator that has no ONNX form here; the text says why."""


class Writer:
    """Writes ONNX nodes into `graph`, and knows the names of the variables written so far.

    table: class of an operator → its converter(writer, node, *names), which returns the name of the
    result, or a list of them.
    """

    def __init__(self, graph, table, known=None):
        self.graph, self._table = graph, table
        self.known = {} if known is None else known
        self.problems = []

    def nested(self):
        """Writes the body of a loop, which sees what was written before it."""
        inner = Writer(self.graph.body(), self._table, dict(self.known))
        inner.problems = self.problems
        return inner

    def declare(self, variable, name):
        self.known[variable] = name

    def write(self, inputs, outputs):
        """All nodes between these variables, in order; what is refused is kept in `problems`."""
        for node in io_toposort(list(inputs), list(outputs)):
            try:
                results = self._write(node)
            except Refused as reason:
                self.problems.append(f"{node.op}: {reason}")
                results = ["nothing"] * len(node.outputs)
            self.known.update(zip(node.outputs, results))

    def _write(self, node):
        convert = next(
            (self._table[kind] for kind in type(node.op).__mro__ if kind in self._table), None
        )
        if convert is None:
            raise Refused("no converter")
        names = [self.name(variable) for variable in node.inputs]
        results = convert(self, node, *names)
        return [results] if isinstance(results, str) else results

    def name(self, variable):
        """The ONNX name of a variable; a weight or constant becomes an initializer.

        None for what is no tensor (a slice, the absence of an index).
        """
        if variable in self.known:
            return self.known[variable]
        if not isinstance(variable, (Constant, SharedVariable)):
            raise Refused(f"'{variable}' is not computed by anything, and no input")
        if not hasattr(variable.type, "dtype"):
            return None
        if isinstance(variable, Constant):
            return self.constant(variable.data, variable.type.dtype)
        value = np.asarray(variable.get_value(borrow=True), variable.type.dtype)
        self.known[variable] = self.graph.constant(value, variable.name or "weight")
        return self.known[variable]

    def node(self, operator, *inputs, **attributes):
        """The name (with `count`, the names) of the results of a new node."""
        return self.graph.node(operator, list(inputs), **attributes)

    def constant(self, value, dtype="int64"):
        return self.graph.constant(np.asarray(value, dtype), "constant")

    def cast(self, name, before, after):
        """`name`, of dtype `before`, as `after`."""
        return name if before == after else self.node("Cast", name, to=number(after))

    def unsqueeze(self, name, *axes):
        return self.node("Unsqueeze", name, self.constant(axes)) if axes else name

    def vector(self, parts):
        """Names of integers without axes as one vector."""
        if not parts:
            return self.constant([])
        return self.node("Concat", *[self.unsqueeze(part, 0) for part in parts], axis=0)

    def integers(self, variables):
        """Integers without axes, as int64."""
        return [self.cast(self.name(v), v.type.dtype, "int64") for v in variables]

    def size(self, name, axis):
        """The size along an axis, a number without axes."""
        return self.node("Gather", self.node("Shape", name), self.constant(axis), axis=0)


def number(dtype):
    """ONNX's number of a dtype; refused where it has none."""
    try:
        return dtype_number(str(dtype))
    except KeyError:
        raise Refused(f"ONNX has no {dtype} here")


def value_of(variable, what):
    """What a variable is that depends on no input; refused where it does, or holds weights."""
    if isinstance(variable, Constant):
        return variable.data
    leaves = ancestors([variable])
    if any(not isinstance(leaf, (Constant, SharedVariable)) for leaf in leaves):
        raise Refused(f"{what} must not depend on the inputs")
    mode = theano.compile.Mode(linker="py", optimizer=None)
    return theano.function([], variable, mode=mode)()


def dtype_of(variable):
    return variable.type.dtype
