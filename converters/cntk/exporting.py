"""A CNTK function → ONNX, node by node by the table. Python 3.6.

CNTK's own exporter writes opset 9 with BatchNormalizations that other tools refuse.
"""

import numpy as np
from interop.converters.cntk.exports import EXPORTS, Refused

from interop.workers.failures import GuestFailure
from interop.workers.onnx_file import Graph


def export(function, feeds, names, path):
    """Write `function` to `path`. feeds: {argument: name}; names: of its outputs, in order.

    Raises GuestFailure, naming every operator that has no ONNX form here.
    """
    graph = Graph(opset=13)
    known = {}
    for variable, name in feeds.items():
        if variable.is_sparse:
            raise GuestFailure("UnsupportedOperator", "input '{}' is sparse".format(name))
        axes = len(variable.dynamic_axes)
        shape = ["batch", "sequence"][:axes] + [int(size) for size in variable.shape]
        graph.input(name, np.float32, shape)
        known[variable.uid] = name
    problems = []
    for node in in_order(function):
        try:
            results = _node(graph, node, known)
            for variable, result in zip(node.outputs, results):
                known[variable.uid] = result
        except Refused as reason:
            problems.append("{} ({}): {}".format(node.op_name, node.name or node.uid, reason))
            known.update((variable.uid, variable.uid) for variable in node.outputs)
    if problems:
        raise GuestFailure(
            "UnsupportedOperator",
            "{} operator(s) of this model cannot be written as ONNX:\n  {}".format(
                len(problems), "\n  ".join(problems)
            ),
        )
    for variable, name in zip(function.outputs, names):
        rank = len(variable.dynamic_axes)
        shape = ["batch", "sequence"][:rank] + [int(size) for size in variable.shape]
        graph.node("Identity", [_operand(graph, variable, known)], name)
        graph.output(name, np.float32, shape)
    graph.save(path)
    return []


def _node(graph, node, known):
    if node.op_name not in EXPORTS:
        if not node.is_block:
            raise Refused("no converter")
        return _block(graph, node, known)
    operands = [_operand(graph, variable, known) for variable in node.inputs]
    result = EXPORTS[node.op_name](graph, node, *operands)
    return [result] if isinstance(result, str) else result


def _block(graph, block, known):
    """What a block is made of, on what it is given."""
    for placeholder, actual in block.block_arguments_mapping:
        known[placeholder.uid] = _operand(graph, actual, known)
    root = block.block_root
    for node in in_order(root):
        for variable, result in zip(node.outputs, _node(graph, node, known)):
            known[variable.uid] = result
    return [known[variable.uid] for variable in root.outputs]


def _operand(graph, variable, known):
    """The ONNX name of a variable; a parameter or constant becomes an initializer."""
    if variable.uid not in known:
        if not (variable.is_parameter or variable.is_constant):
            raise Refused("'{}' is not computed by anything".format(variable.name or variable.uid))
        held = variable.as_parameter() if variable.is_parameter else variable.as_constant()
        value = np.asarray(held.value, dtype=np.float32)
        known[variable.uid] = graph.constant(value, variable.name or variable.uid)
    return known[variable.uid]


def in_order(function):
    """The primitive functions and blocks, each after those whose results it takes."""
    ordered, seen = [], set()
    stack = [variable.owner for variable in function.root_function.outputs][::-1]
    while stack:
        node = stack[-1]
        waiting = [
            variable.owner
            for variable in node.inputs
            if variable.is_output and variable.owner.uid not in seen
        ]
        if waiting and node.uid not in seen:
            stack.extend(waiting)
            continue
        stack.pop()
        if node.uid not in seen:
            seen.add(node.uid)
            ordered.append(node)
    return ordered
