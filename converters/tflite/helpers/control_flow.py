"""Loop and Scan without lists of tensors: what the turns give is appended, number by number."""

import tensorflow as tf


def loop(body, limit, condition, states, collected, shapes):
    """ONNX's Loop: carried states, then one stacked output for each (dtype, sizes) of `collected`."""
    if any(isinstance(state, list) for state in states):
        return unrolled_loop(body, limit, condition, states, len(collected))
    limit = tf.constant(2**62, tf.int64) if limit is None else tf.reshape(limit, [])
    going = tf.constant(True) if condition is None else tf.reshape(condition, [])
    flat = [tf.zeros([0], dtype) for dtype, _ in collected]
    # Sizes that are open are known after the first turn.
    sizes = [tf.constant([size or 0 for size in shape], tf.int32) for _, shape in collected]

    def step(i, going, states, flat, sizes):
        results = body(i, going, *states)
        results = list(results) if isinstance(results, (list, tuple)) else [results]
        kept = [tf.ensure_shape(r, shape) for r, shape in zip(results[1:], shapes)]
        given = results[1 + len(states) :]
        flat = [tf.concat([one, tf.reshape(x, [-1])], axis=0) for one, x in zip(flat, given)]
        return i + 1, tf.reshape(results[0], []), kept, flat, [tf.shape(x) for x in given]

    variables = (tf.constant(0, tf.int64), going, list(states), flat, sizes)
    invariants = (
        tf.TensorShape([]),
        tf.TensorShape([]),
        [tf.TensorShape(shape) for shape in shapes],
        [tf.TensorShape([None])] * len(flat),
        [size.shape for size in sizes],
    )
    turns, _, states, flat, sizes = tf.while_loop(
        lambda i, going, *rest: (i < limit) & going, step, variables, shape_invariants=invariants
    )
    stacks = []
    for one, size, (_, shape) in zip(flat, sizes, collected):
        stack = tf.reshape(one, tf.concat([[tf.cast(turns, tf.int32)], size], axis=0))
        stack.set_shape([None, *shape])
        stacks.append(stack)
    return [*states, *stacks]


def scan(body, states, inputs, collected, axes, directions, output_axes, output_directions):
    """ONNX's Scan: slices of the inputs in, states carried, slices of the outputs stacked."""
    moved = []
    for x, axis, backwards in zip(inputs, axes, directions):
        if axis:  # else its rank need not be known
            axis = axis % x.shape.rank
            x = tf.transpose(x, [axis] + [i for i in range(x.shape.rank) if i != axis])
        moved.append(tf.reverse(x, [0]) if backwards else x)

    def turn(t, going, *states):
        results = body(*states, *[tf.gather(x, t) for x in moved])
        return [going, *(results if isinstance(results, (list, tuple)) else [results])]

    count = tf.shape(moved[0], out_type=tf.int64)[0]
    shapes = [state.shape for state in states]
    results = loop(turn, count, None, states, collected, shapes)
    outputs = []
    for y, axis, backwards in zip(results[len(states) :], output_axes, output_directions):
        y = tf.reverse(y, [0]) if backwards else y
        rank = len(y.shape)
        order = list(range(1, rank))
        order.insert(axis % rank, 0)
        outputs.append(tf.transpose(y, order))
    return [*results[: len(states)], *outputs]
