"""Recurrent layers, by the fused operator."""

import mxnet as mx
from mxnet.symbol import numpy as np
from mxnet.symbol import numpy_extension as npx


def recurrent(x, weights, states, mode, hidden, directions, backwards, batch_first):
    """ONNX's outputs for x [steps, batch, size]: all [steps, directions, batch, hidden], the last."""
    if batch_first:
        x = np.transpose(x, (1, 0, 2))
        states = [None if s is None else np.transpose(s, (1, 0, 2)) for s in states]
    if backwards:
        x = np.flip(x, axis=0)
    start = npx.slice(x, begin=(0, None, 0), end=(1, None, 1))
    zeros = np.zeros_like(start) + np.zeros((directions, 1, hidden))
    given = [zeros if state is None else state for state in states]
    found = npx.rnn(
        x, weights, *given, mode=mode, state_size=hidden, num_layers=1,
        bidirectional=directions == 2, state_outputs=True,
    )  # fmt: skip
    every = npx.reshape(found[0], (-2, -2, directions, hidden))
    if backwards:
        every = np.flip(every, axis=0)
    lasts = [found[1 + i] for i in range(len(states))]
    if batch_first:
        return [np.transpose(every, (1, 0, 2, 3))] + [np.transpose(s, (1, 0, 2)) for s in lasts]
    return [np.transpose(every, (0, 2, 1, 3))] + lasts
