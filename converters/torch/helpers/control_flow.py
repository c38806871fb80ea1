"""Loop and Scan."""

import torch


def loop(body, limit, condition, states, empty):
    """ONNX's Loop: carried states, then one stacked output for each of `empty`, its value if none."""
    outputs = [[] for _ in empty]
    going, i = condition is None or bool(condition), 0
    while going and (limit is None or i < limit):
        results = body(torch.tensor(i), torch.tensor(going), *states)
        results = list(results) if isinstance(results, (list, tuple)) else [results]
        going, states = bool(results[0]), results[1 : 1 + len(states)]
        for collected, value in zip(outputs, results[1 + len(states) :]):
            collected.append(value)
        i += 1
    return [*states, *[torch.stack(o) if o else e for o, e in zip(outputs, empty)]]


def scan(body, states, inputs, axes, directions, output_axes, output_directions):
    """ONNX's Scan: slices of the inputs in, states carried, slices of the outputs stacked."""
    slices = [
        x.unbind(axis)[::-1] if back else x.unbind(axis)
        for x, axis, back in zip(inputs, axes, directions)
    ]
    outputs = [[] for _ in output_axes]
    for parts in zip(*slices):
        results = body(*states, *parts)
        results = list(results) if isinstance(results, (list, tuple)) else [results]
        states = results[: len(states)]
        for collected, value in zip(outputs, results[len(states) :]):
            collected.append(value)
    collected = zip(outputs, output_axes, output_directions)
    return [*states, *[torch.stack(o[::-1] if back else o, axis) for o, axis, back in collected]]
