"""Names that are used again: in a framework that computes as it goes, a name keeps memory alive."""

from __future__ import annotations

import onnx_ir as ir


class Slots:
    """Hands out the names of dead values of a graph's own statements to new ones.

    A value can die only where all that reads it is known: it is computed by a node of the graph
    itself, is none of its outputs, no subgraph captures it, and nobody asks for its shape, which
    later statements would read off it.
    """

    def __init__(self, graph: ir.Graph) -> None:
        order = {node: index for index, node in enumerate(graph)}
        self._dying: dict[ir.Node, list[ir.Value]] = {}
        self._mortal: set[ir.Value] = set()
        for node in order:
            for value in node.outputs:
                readers = [use.node for use in value.uses()]
                if (
                    not readers
                    or value.is_graph_output()
                    or any(r not in order or r.op_type in ("Shape", "Size") for r in readers)
                ):
                    continue
                self._mortal.add(value)
                self._dying.setdefault(max(readers, key=order.__getitem__), []).append(value)
        self._names: dict[ir.Value, str] = {}
        self._free: list[str] = []

    def holds(self, value: ir.Value) -> bool:
        """Whether the value will die, so that its name is one of many."""
        return value in self._mortal

    def give(self, value: ir.Value, name: str) -> None:
        """`value` stands under `name` from now on."""
        if value in self._mortal:
            self._names[value] = name

    def release(self, node: ir.Node) -> None:
        """What `node` was the last to read is dead once it has been computed."""
        for value in self._dying.get(node, ()):
            name = self._names.pop(value, None)
            if name is not None:  # sizes have none
                self._free.append(name)

    def take(self) -> str | None:
        """The name of a dead value, if there is one."""
        return self._free.pop() if self._free else None
