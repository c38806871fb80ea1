"""theano.scan → ONNX's Scan. Python 3.6."""

from interop.converters.theano.exports.writing import Refused
from theano.tensor.basic import AllocEmpty
from theano.tensor.subtensor import IncSubtensor, get_idx_list


def scan(w, node, *names):
    """Sequences, states that look one step back, results that nobody feeds back, and constants.

    A state lies in Theano in a buffer whose first row it begins with, and whose others are written;
    the result is the whole buffer.
    """
    op = node.op
    if op.n_mit_mot or op.n_mit_sot or op.n_shared_outs or op.as_while:
        raise Refused(
            "a loop that looks more than one step back, updates a shared variable, or ends early"
        )
    taps = op.tap_array[op.n_mit_mot + op.n_mit_sot :]
    if any(list(tap) != [-1] for tap in taps):
        raise Refused("a state that looks more than one step back")
    sequences, buffers = op.outer_seqs(node), op.outer_sitsot(node)
    (count,) = w.integers(node.inputs[:1])
    first = w.constant(0)
    states = [w.node("Gather", w.name(_beginning(buffer)), first, axis=0) for buffer in buffers]
    given = [w.name(sequence) for sequence in sequences]
    given = given or [w.node("Range", first, count, w.constant(1))]  # ONNX counts by a sequence
    inner = w.nested()
    _body(inner, op, op.outer_non_seqs(node), sequences)
    total = len(states) + op.n_sit_sot + op.n_nit_sot
    results = w.node(
        "Scan", *states + given, body=inner.graph, num_scan_inputs=len(given), count=total
    )
    results = results if isinstance(results, list) else [results]
    rows = results[len(states) :]
    whole = [
        w.node("Concat", w.unsqueeze(state, 0), row, axis=0) for state, row in zip(states, rows)
    ]
    return whole + rows[len(states) :]


def _beginning(buffer):
    """What the first row of a buffer was set to, where nothing else is in it yet; else the buffer."""
    node = buffer.owner
    if node is None or not isinstance(node.op, IncSubtensor) or not node.op.set_instead_of_inc:
        return buffer
    empty, rows = node.inputs[0].owner, get_idx_list(node.inputs[1:], node.op.idx_list)
    if empty is None or not isinstance(empty.op, AllocEmpty) or len(rows) != 1:
        return buffer
    bounds = rows[0]
    whole = isinstance(bounds, slice) and bounds.start is None and bounds.step is None
    return node.inputs[1] if whole else buffer


def _body(inner, op, outer, sequences):
    """The graph of one step: its states and entries in, new states and rows out."""
    states, entries = op.inner_sitsot(op.inputs), op.inner_seqs(op.inputs)
    for kind, variables in (("state", states), ("entry", entries)):
        for index, variable in enumerate(variables):
            name = inner.graph.unique(f"{kind}_{index}")
            inner.graph.input(name, variable.type.dtype, [None] * variable.ndim)
            inner.declare(variable, name)
    if not sequences:
        inner.graph.input(inner.graph.unique("step"), "int64", [])
    constants = op.inner_non_seqs(op.inputs)
    for variable, given in zip(constants, outer):
        inner.declare(variable, inner.name(given))
    after = op.inner_sitsot_outs(op.outputs)
    rows = op.inner_nitsot_outs(op.outputs)
    inner.write(states + entries + constants, after + rows)
    for variable in after + after + rows:
        result = inner.node("Identity", inner.name(variable))
        inner.graph.output(result, variable.type.dtype, [None] * variable.ndim)
