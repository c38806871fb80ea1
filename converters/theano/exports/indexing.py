"""Parts of tensors, taken and set. Python 3.6."""

import numpy as np
from interop.converters.theano.exports.writing import Refused, value_of
from theano.gof.graph import Constant
from theano.tensor.subtensor import get_idx_list
from theano.tensor.type_other import MakeSlice

_FAR = np.iinfo(np.int64).max


def _integer(w, part):
    """An index or bound, a number or a variable, as the name of an int64 without axes."""
    if isinstance(part, (int, np.integer)):
        return w.constant(int(part))
    return w.integers([part])[0]


def cut(w, x, parts):
    """x[parts]: numbers drop their axis, slices keep it; one of each for the first axes."""
    bounds = []
    for axis, part in enumerate(parts):
        if isinstance(part, slice) and part != slice(None):
            step = 1 if part.step is None else part.step
            back = int(value_of(step, "a step") if not isinstance(step, int) else step) < 0
            first = (_FAR if back else 0) if part.start is None else part.start
            last = (-_FAR if back else _FAR) if part.stop is None else part.stop
            bounds.append((first, last, axis, step))
    if bounds:
        vectors = [w.vector([_integer(w, one) for one in column]) for column in zip(*bounds)]
        x = w.node("Slice", x, *vectors)
    for axis, part in reversed(list(enumerate(parts))):
        if not isinstance(part, slice):
            x = w.node("Gather", x, _integer(w, part), axis=axis)
    return x


def subtensor(w, node, x, *_):
    return cut(w, x, get_idx_list(node.inputs, node.op.idx_list))


def _places(w, x):
    """The number of each entry of x, as if it were a vector; in x's shape."""
    shape = w.node("Shape", x)
    count = w.node("ReduceProd", shape, keepdims=0)
    return w.node("Reshape", w.node("Range", w.constant(0), count, w.constant(1)), shape)


def _updated(w, node, x, y, places, setting):
    """x with y at `places`, or added there."""
    dtype = node.inputs[0].type.dtype
    flat = w.constant([-1])
    new = w.node("Expand", w.cast(y, node.inputs[1].type.dtype, dtype), w.node("Shape", places))
    found = w.node(
        "ScatterElements", w.node("Reshape", x, flat), w.node("Reshape", places, flat),
        w.node("Reshape", new, flat), axis=0, reduction="none" if setting else "add"
    )  # fmt: skip
    return w.node("Reshape", found, w.node("Shape", x))


def inc_subtensor(w, node, x, y, *_):
    parts = get_idx_list(node.inputs[1:], node.op.idx_list)
    return _updated(w, node, x, y, cut(w, _places(w, x), parts), node.op.set_instead_of_inc)


def advanced_subtensor1(w, node, x, indices):
    return w.node("Gather", x, w.cast(indices, node.inputs[1].type.dtype, "int64"), axis=0)


def advanced_inc_subtensor1(w, node, x, y, indices):
    rows = w.cast(indices, node.inputs[2].type.dtype, "int64")
    places = w.node("Gather", _places(w, x), rows, axis=0)
    return _updated(w, node, x, y, places, node.op.set_instead_of_inc)


def advanced_subtensor(w, node, x, *names):
    return _picked(w, x, node.inputs[0].ndim, node.inputs[1:], names)


def advanced_inc_subtensor(w, node, x, y, *names):
    places = _picked(w, _places(w, x), node.inputs[0].ndim, node.inputs[2:], names)
    return _updated(w, node, x, y, places, node.op.set_instead_of_inc)


def make_slice(w, node, *_):
    """A slice is no tensor: who indexes by it reads it."""
    return "no tensor"


def _bounds(index):
    """The slice that an index beside tensors is."""
    if isinstance(index, Constant) and isinstance(index.data, slice):
        return index.data
    if index.owner is None or not isinstance(index.owner.op, MakeSlice):
        raise Refused("a new axis beside tensors as indices")
    parts = [
        None if isinstance(part, Constant) and part.data is None else part
        for part in index.owner.inputs
    ]
    return slice(*parts)


def _picked(w, x, rank, indices, names):
    """x[indices]: slices, and tensors of integers for axes that stand together."""
    where = [axis for axis, index in enumerate(indices) if hasattr(index.type, "dtype")]
    if any(indices[axis].type.dtype == "bool" for axis in where):
        raise Refused("a mask as an index")
    x = cut(w, x, [slice(None) if i in where else _bounds(one) for i, one in enumerate(indices)])
    if where != list(range(where[0], where[0] + len(where))):
        raise Refused("tensors as indices of axes that do not stand together")
    columns = [w.cast(names[i], indices[i].type.dtype, "int64") for i in where]
    if len(columns) == 1:
        return w.node("Gather", x, columns[0], axis=where[0])
    depth = max(indices[i].ndim for i in where)
    total = columns[0]
    for column in columns[1:]:  # a sum has the shape of all of them
        total = w.node("Add", total, column)
    shape = w.node("Shape", total)
    wide = [w.unsqueeze(w.node("Expand", column, shape), depth) for column in columns]
    others = [axis for axis in range(rank) if axis not in where]
    if where[0]:
        x = w.node("Transpose", x, perm=where + others)
    found = w.node("GatherND", x, w.node("Concat", *wide, axis=depth))
    if not where[0]:
        return found
    lead = [depth + i for i in range(where[0])]
    rest = [depth + i for i in range(where[0], len(others))]
    return w.node("Transpose", found, perm=lead + list(range(depth)) + rest)
