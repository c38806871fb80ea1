"""If, Loop and Scan: in Python where the values are known, by JAX's own where they are traced."""

import jax
import jax.numpy as jnp
from jax import lax


def traced(*values):
    """Whether any value is known only when the compiled model runs."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(values))


def branch(condition, then, otherwise):
    """ONNX's If."""
    if traced(condition):
        return lax.cond(jnp.reshape(condition, ()), then, otherwise)
    return then() if condition else otherwise()


def listed(results):
    """The results of a body, as a list."""
    return list(results) if isinstance(results, (list, tuple)) else [results]


def loop(body, limit, condition, states, empty):
    """ONNX's Loop: carried states, then one stacked output for each of `empty`, its value if none."""
    if traced(limit, condition, states) and not empty:
        try:
            return list(while_loop(body, limit, condition, states))
        except TypeError:  # states that change their shape: then step by step, if the trace can
            pass
    outputs = [[] for _ in empty]
    going, i = True if condition is None else condition, 0
    while bool(going) and (limit is None or i < limit):
        going, *results = listed(body(jnp.array(i, dtype=jnp.int64), jnp.array(going), *states))
        states = results[: len(states)]
        for collected, value in zip(outputs, results[len(states) :]):
            collected.append(value)
        i += 1
    return [*states, *[jnp.stack(o) if o else e for o, e in zip(outputs, empty)]]


def while_loop(body, limit, condition, states):
    """A Loop without collected outputs, as the compiler's own; states keep shape and dtype."""

    def going_on(carried):
        i, going, _ = carried
        return going if limit is None else going & (i < jnp.reshape(limit, ()))

    def step(carried):
        i, going, states = carried
        going, *states = listed(body(i, going, *states))
        return i + 1, jnp.reshape(going, ()), states

    going = jnp.array(True) if condition is None else jnp.reshape(condition, ())
    states = [jnp.asarray(state) for state in states]
    return lax.while_loop(going_on, step, (jnp.array(0, dtype=jnp.int64), going, states))[2]


def scan(body, states, inputs, axes, directions, output_axes, output_directions):
    """ONNX's Scan: slices of the inputs in, states carried, slices of the outputs stacked."""
    entries = [
        jnp.flip(jnp.moveaxis(x, axis, 0), 0) if back else jnp.moveaxis(x, axis, 0)
        for x, axis, back in zip(inputs, axes, directions)
    ]

    def step(carried, parts):
        results = listed(body(*carried, *parts))
        return results[: len(carried)], results[len(carried) :]

    states, outputs = lax.scan(step, [jnp.asarray(state) for state in states], entries)
    collected = zip(outputs, output_axes, output_directions)
    return [
        *states,
        *[jnp.moveaxis(jnp.flip(o, 0) if back else o, 0, axis) for o, axis, back in collected],
    ]
