"""Tape: a framework of one page. A model is a tape of NumPy calls, kept in one file. Python 3.6."""

import json

import numpy as np

OPERATORS = {
    "matmul": np.matmul,
    "add": np.add,
    "relu": lambda x: np.maximum(x, np.float32(0)),
    "tanh": np.tanh,
}


class Tape:
    """inputs: [[name, dtype, shape]]; arrays: weights by name; steps: [operator, result, operands];
    outputs: {name: which result}."""

    def __init__(self, inputs, arrays):
        self.inputs = inputs
        self.arrays = arrays
        self.steps = []
        self.outputs = {}

    def record(self, operator, *operands):
        """Add a step; returns the name of its result."""
        result = f"{operator}_{len(self.steps)}"
        self.steps.append([operator, result, list(operands)])
        return result

    def __getattr__(self, operator):
        if operator not in OPERATORS:
            raise AttributeError(operator)
        return lambda *operands: self.record(operator, *operands)

    def run(self, feeds):
        known = dict(self.arrays, **feeds)
        for operator, result, operands in self.steps:
            known[result] = OPERATORS[operator](*[known[name] for name in operands])
        return {name: known[result] for name, result in self.outputs.items()}

    def save(self, path):
        text = json.dumps([self.inputs, self.steps, self.outputs])
        with open(path, "wb") as file:
            np.savez(file, tape=np.array(text), **{"w:" + k: v for k, v in self.arrays.items()})


def load(path):
    with np.load(path, allow_pickle=False) as archive:
        inputs, steps, outputs = json.loads(str(archive["tape"]))
        arrays = {name[2:]: archive[name] for name in archive.files if name != "tape"}
    tape = Tape(inputs, arrays)
    tape.steps, tape.outputs = steps, outputs
    return tape
