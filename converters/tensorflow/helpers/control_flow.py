"""Loop and Scan."""

import tensorflow as tf


def loop(body, limit, condition, states, dtypes, shapes):
    """ONNX's Loop: carried states, then one stacked output for each of `dtypes`."""
    if any(isinstance(state, list) for state in states):
        return unrolled_loop(body, limit, condition, states, len(dtypes))
    limit = tf.constant(2**62, tf.int64) if limit is None else tf.reshape(limit, [])
    going = tf.constant(True) if condition is None else tf.reshape(condition, [])
    arrays = [tf.TensorArray(d, size=0, dynamic_size=True, infer_shape=False) for d in dtypes]

    def step(i, going, states, arrays):
        results = body(i, going, *states)
        results = list(results) if isinstance(results, (list, tuple)) else [results]
        count = len(states)
        outputs = results[1 + count :]
        written = [a.write(tf.cast(i, tf.int32), o) for a, o in zip(arrays, outputs)]
        kept = [tf.ensure_shape(r, shape) for r, shape in zip(results[1:], shapes)]
        return i + 1, tf.reshape(results[0], []), kept, written

    variables = (tf.constant(0, tf.int64), going, list(states), arrays)
    invariants = (
        tf.TensorShape([]),
        tf.TensorShape([]),
        [tf.TensorShape(shape) for shape in shapes],
        [tf.TensorShape(None)] * len(arrays),
    )
    _, _, states, arrays = tf.while_loop(
        lambda i, going, *rest: (i < limit) & going, step, variables, shape_invariants=invariants
    )
    return [*states, *[a.stack() for a in arrays]]


def unrolled_loop(body, limit, condition, states, collected):
    """A Loop that carries sequences, which no graph can: turn by turn, as often as is known."""
    turns = None if limit is None else tf.get_static_value(limit)
    going = tf.constant(True) if condition is None else condition
    if turns is None or not tf.get_static_value(going):
        raise ValueError("a loop over sequences needs to know how often it turns")
    outputs = [[] for _ in range(collected)]
    for i in range(int(turns)):
        again, *results = body(tf.constant(i, tf.int64), going, *states)
        if again is not going and not tf.get_static_value(again):
            raise ValueError("a loop over sequences needs to know how often it turns")
        states = results[: len(states)]
        for entries, value in zip(outputs, results[len(states) :]):
            entries.append(value)
    return [*states, *[tf.stack(entries) for entries in outputs]]


def scan(body, states, inputs, dtypes, axes, directions, output_axes, output_directions):
    """ONNX's Scan: slices of the inputs in, states carried, slices of the outputs stacked."""
    moved = []
    for x, axis, backwards in zip(inputs, axes, directions):
        if axis:  # else its rank need not be known
            axis = axis % x.shape.rank
            order = [axis] + [i for i in range(x.shape.rank) if i != axis]
            x = tf.transpose(x, order)
        moved.append(tf.reverse(x, [0]) if backwards else x)
    count = tf.shape(moved[0])[0]
    arrays = [tf.TensorArray(d, size=count, infer_shape=False) for d in dtypes]
    shapes = [tf.TensorShape(None)] * len(dtypes)

    def step(t, states, arrays):
        results = body(*states, *[x[t] for x in moved])
        results = list(results) if isinstance(results, (list, tuple)) else [results]
        written = [a.write(t, o) for a, o in zip(arrays, results[len(states) :])]
        shapes[:] = [o.shape for o in results[len(states) :]]
        kept = [tf.ensure_shape(r, s.shape) for r, s in zip(results, states)]
        return t + 1, kept, written

    _, states, arrays = tf.while_loop(
        lambda t, *rest: t < count, step, (tf.constant(0), list(states), arrays)
    )
    outputs = []
    for array, shape, axis, backwards in zip(arrays, shapes, output_axes, output_directions):
        y = tf.ensure_shape(array.stack(), [None, *shape] if shape.rank is not None else None)
        y = tf.reverse(y, [0]) if backwards else y
        if axis:
            rank = len(y.shape)
            order = list(range(1, rank))
            order.insert(axis % rank, 0)
            y = tf.transpose(y, order)
        outputs.append(y)
    return [*states, *outputs]
