"""Writes ONNX files with NumPy alone, for frameworks whose Python has no `onnx` to be installed.

Python 3.6 syntax. A graph is built in order: inputs and constants before the nodes that use them.
The field numbers are those of onnx.proto (IR version 7).
"""

import struct

import numpy as np

_DTYPES = {"float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7,
           "bool": 9, "float16": 10, "float64": 11, "uint32": 12, "uint64": 13, "bfloat16": 16,
           "float8_e4m3fn": 17, "float8_e4m3fnuz": 18, "float8_e5m2": 19,
           "float8_e5m2fnuz": 20}  # fmt: skip
_VARINT, _BYTES, _FIXED32 = 0, 2, 5


def dtype_number(name):
    # type: (str) -> int
    """ONNX's number of a NumPy dtype name; a KeyError where it has none."""
    return _DTYPES[name]


class Graph:
    """An ONNX graph being written; names of values are made by the operators."""

    def __init__(self, opset):
        # type: (int) -> None
        self._opset = opset
        self._nodes = []  # type: list[tuple[set[str], list[str], bytes]]
        self._results = []  # type: list[str]
        self._initializers = []  # type: list[tuple[str, bytes]]
        self._inputs = []  # type: list[bytes]
        self._outputs = []  # type: list[bytes]
        self._names = set()  # type: set[str]

    def body(self):
        # type: () -> Graph
        """An empty graph for a node of this one to hold, as an attribute; it may use this one's values.

        Its constants are initializers of the outermost graph.
        """
        inner = Graph(self._opset)
        inner._names, inner._initializers = self._names, self._initializers
        return inner

    def reserve(self, names):
        """Keep `names` for what is yet to be written under them."""
        self._names.update(names)

    def input(self, name, dtype, shape):
        """shape: integers, words for dimensions that vary, None where nothing is known of one; None
        where even the rank is open."""
        self._names.add(name)
        self._inputs.append(_value_info(name, dtype, shape))
        return name

    def output(self, name, dtype, shape):
        self._results.append(name)
        self._outputs.append(_value_info(name, dtype, shape))

    def constant(self, array, name="constant"):
        """An initializer, if a node comes to read it; returns its name, which may have got a number."""
        array = np.asarray(array, order="C")
        unique = self.unique(name)
        parts = [_number(1, size) for size in array.shape]
        parts += [_number(2, _DTYPES[array.dtype.name]), _text(8, unique)]
        little = array.astype(array.dtype.newbyteorder("<"))
        self._initializers.append((unique, b"".join([*parts, _bytes(9, little.tobytes())])))
        return unique

    def node(self, operator, inputs, output=None, count=1, **attributes):
        """Add a node and return the name of its output, or a list of `count` names.

        inputs: names, or "" for one left out; attributes: int, float, str, a list of these, or a
        graph (see `body`).
        """
        names = [self.unique(operator) for _ in range(count)] if output is None else [output]
        parts = [_text(1, name) for name in inputs] + [_text(2, name) for name in names]
        parts += [_text(3, names[0] + "_node"), _text(4, operator)]
        parts += [_bytes(5, _attribute(key, value)) for key, value in attributes.items()]
        inner = [value.reads() for value in attributes.values() if isinstance(value, Graph)]
        self._nodes.append((set(inputs).union(*inner), names, b"".join(parts)))
        return names[0] if count == 1 else names

    def reads(self):
        # type: () -> set[str]
        """The values that its nodes read and its outputs are, those of graphs around it, too."""
        return set(self._results).union(*(reads for reads, _, _ in self._nodes))

    def prune(self):
        """Leave out the nodes that no output depends on."""
        needed, kept = set(self._results), []
        for node in reversed(self._nodes):
            if needed.intersection(node[1]):
                needed |= node[0]
                kept.append(node)
        self._nodes = kept[::-1]

    def save(self, path):
        opset = _text(1, "") + _number(2, self._opset)
        reads = self.reads()
        graph = self.serialized([tensor for name, tensor in self._initializers if name in reads])
        with open(path, "wb") as file:
            file.write(_number(1, 7) + _bytes(8, opset) + _bytes(7, graph))

    def serialized(self, initializers):
        # type: (list[bytes]) -> bytes
        """A GraphProto."""
        parts = [_bytes(1, node) for _, _, node in self._nodes] + [_text(2, "model")]
        parts += [_bytes(5, tensor) for tensor in initializers]
        parts += [_bytes(11, value) for value in self._inputs]
        parts += [_bytes(12, value) for value in self._outputs]
        return b"".join(parts)

    def unique(self, name):
        """`name`, with a number where it is taken; taken from now on."""
        unique, number = name, 1
        while unique in self._names:
            unique, number = "{}_{}".format(name, number), number + 1
        self._names.add(unique)
        return unique


def _varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field, value):
    return _varint(field << 3 | _VARINT) + _varint(int(value))


def _bytes(field, data):
    return _varint(field << 3 | _BYTES) + _varint(len(data)) + data


def _text(field, value):
    return _bytes(field, value.encode("utf-8"))


def _float(field, value):
    return _varint(field << 3 | _FIXED32) + struct.pack("<f", value)


def _attribute(name, value):
    """AttributeProto: one of FLOAT 1, INT 2, STRING 3, GRAPH 5, FLOATS 6, INTS 7,
    STRINGS 8.
    """
    if isinstance(value, Graph):
        body, kind = _bytes(6, value.serialized([])), 5
    elif isinstance(value, str):
        body, kind = _text(4, value), 3
    elif isinstance(value, float):
        body, kind = _float(2, value), 1
    elif isinstance(value, int):
        body, kind = _number(3, value), 2
    elif value and isinstance(value[0], float):
        body, kind = b"".join(_float(7, one) for one in value), 6
    elif value and isinstance(value[0], str):
        body, kind = b"".join(_text(9, one) for one in value), 8
    else:
        body, kind = b"".join(_number(8, one) for one in value), 7
    return _text(1, name) + body + _number(20, kind)


def _value_info(name, dtype, shape):
    if shape is None:
        tensor = _number(1, _DTYPES[np.dtype(dtype).name])
        return _text(1, name) + _bytes(2, _bytes(1, tensor))
    dims = b"".join(_bytes(1, _dimension(dim)) for dim in shape)
    tensor = _number(1, _DTYPES[np.dtype(dtype).name]) + _bytes(2, dims)
    return _text(1, name) + _bytes(2, _bytes(1, tensor))


def _dimension(dim):
    """A size, a word for one that varies, or nothing."""
    if dim is None:
        return b""
    return _text(2, dim) if isinstance(dim, str) else _number(1, dim)
