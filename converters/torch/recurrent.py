"""Keeps torch.lstm and its like whole while a model is traced."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

_LAYERS = ("lstm", "gru", "rnn_tanh", "rnn_relu")

#: Those that torch.onnx has operators for; the others it takes apart itself.
EXPORTED_WHOLE = ("lstm", "gru")

_COMPOSITE = torch._C.DispatchKey.CompositeImplicitAutograd
_DECOMPOSITIONS = torch._decomp.global_decomposition_table["post_autograd"]


@contextmanager
def recurrent_layers_kept(names: tuple[str, ...] = _LAYERS) -> Iterator[None]:
    """Tracing takes torch.lstm and its like as one operator each.

    Left alone it unrolls them over time, and fixes the length. Only shapes are computed here; the
    program runs torch's own.
    """
    layers = [getattr(torch.ops.aten, name).input for name in names]
    before = [(dict(layer.py_kernels), _DECOMPOSITIONS.get(layer)) for layer in layers]
    try:
        for layer in layers:
            keys = {*layer.py_kernels, _COMPOSITE}
            layer.py_kernels.update(dict.fromkeys(keys, _layer_shapes))
            layer._dispatch_cache.clear()
            _DECOMPOSITIONS[layer] = _layer_shapes
        yield
    finally:
        for layer, (kernels, decomposition) in zip(layers, before, strict=True):
            layer.py_kernels.clear()
            layer.py_kernels.update(kernels)
            layer._dispatch_cache.clear()
            del _DECOMPOSITIONS[layer]
            if decomposition is not None:
                _DECOMPOSITIONS[layer] = decomposition


def _layer_shapes(
    x: torch.Tensor, state: Any, parameters: Any, biased: bool, layers: int, dropout: float,
    train: bool, both: bool, batch_first: bool,
) -> tuple[torch.Tensor, ...]:  # fmt: skip
    states = state if isinstance(state, (list, tuple)) else [state]
    result = x.new_empty(*x.shape[:2], states[0].shape[-1] * (1 + both))
    return result, *(one.new_empty(one.shape) for one in states)
