"""If, Loop and Scan, while the model is built."""

from keras import ops


def as_list(results):
    """What a body gave, as a list."""
    return list(results) if isinstance(results, (list, tuple)) else [results]


def chosen(condition, a, b):
    """One of two tensors (or lists of them) of the same shape."""
    if isinstance(a, list):
        return [chosen(condition, x, y) for x, y in zip(a, b)]
    return ops.where(ops.reshape(condition, [1] * len(a.shape)), a, b)


def picked(condition, then, otherwise):
    """The results of one of two branches, both of which are computed."""
    results = [chosen(condition, a, b) for a, b in zip(as_list(then()), as_list(otherwise()))]
    return results[0] if len(results) == 1 else results


def unrolled(body, turns, going, states):
    """ONNX's Loop, turn by turn; `going` is None where nothing stops it.

    Where something can, turns past the end change no state, and what they would keep is cut off.
    """
    count, kept, counted = len(states), [], []
    for turn in range(turns):
        still = np.array(True) if going is None else going
        next_going, *results = as_list(body(np.array(turn, "int64"), still, *states))
        if going is None:
            states = results[:count]
        else:
            states = [chosen(going, new, old) for new, old in zip(results, states)]
            counted.append(ops.cast(going, "int64") if is_tensor(going) else int(going))
            going = ops.logical_and(going, ops.reshape(next_going, []))
        kept.append(results[count:])
    stacks = [ops.stack(list(parts), axis=0) for parts in zip(*kept)]
    if going is not None and stacks:
        done = ops.nonzero(stacked_numbers(counted))[0]
        stacks = [ops.take(stack, done, axis=0) for stack in stacks]
    return [*states, *stacks]


def is_tensor(x):
    """Whether it is computed from the model's inputs."""
    return isinstance(x, keras.KerasTensor)


def stacked_numbers(numbers):
    """Scalars, of which some are plain numbers, as one vector."""
    return ops.stack([x if is_tensor(x) else np.array(x, "int64") for x in numbers])


def scanned(body, turns, states, inputs, axes, directions, output_axes, output_directions):
    """ONNX's Scan, step by step."""
    kept = []
    for turn in range(turns):
        parts = []
        for x, axis, backwards in zip(inputs, axes, directions):
            place = turns - 1 - turn if backwards else turn
            parts.append(x[(*[slice(None)] * (axis % len(x.shape)), place, ...)])
        results = as_list(body(*states, *parts))
        states = results[: len(states)]
        kept.append(results[len(states) :])
    stacks = []
    for parts, axis, backwards in zip(zip(*kept), output_axes, output_directions):
        parts = list(parts)[::-1] if backwards else list(parts)
        stacks.append(ops.stack(parts, axis=axis))
    return [*states, *stacks]
