"""What is constant in a subgraph: weights stored smaller than they are used are made whole here."""

from __future__ import annotations

import numpy as np
from interop.converters.tflite.exports.forms import real_array
from interop.converters.tflite.reading import Operator, Subgraph


def known_constants(subgraph: Subgraph) -> tuple[dict[int, np.ndarray], list[Operator]]:
    """Tensor → its numbers, as stored; and the operators that are left to be written.

    DENSIFY and DEQUANTIZE of a constant (weights that are sparse, of 16 bits, or of 8 for a kernel
    that wants floats) are carried out; constants that hold nothing need no buffer in the file.
    """
    made = {index for operator in subgraph.operators for index in operator.outputs}
    given = {*subgraph.inputs, *made}
    found: dict[int, np.ndarray] = {}
    for index, tensor in enumerate(subgraph.tensors):
        if tensor.data is not None and index not in given:
            found[index] = tensor.data
        elif index not in given and tensor.ranked and 0 in tensor.shape:
            found[index] = np.zeros(tensor.shape, tensor.dtype)
        elif tensor.variable and index not in given:
            found[index] = np.zeros(tensor.shape, tensor.dtype)  # before the first call
    left = []
    for operator in subgraph.operators:
        source = operator.inputs[0] if operator.inputs else -1
        if operator.name == "DENSIFY" and source in found:
            found[operator.outputs[0]] = found[source]
        elif operator.name == "DEQUANTIZE" and source in found:
            real = real_array(subgraph.tensors[source], found[source])
            found[operator.outputs[0]] = real.astype(np.float32)
        else:
            left.append(operator)
    return found, left
