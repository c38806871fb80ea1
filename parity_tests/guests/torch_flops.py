"""Runs in the torch worker: what torch's own counter says that a definition costs."""

import importlib

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from interop.workers.tensors import read_tensors


def flops(definition, inputs):
    """Of one run, products only: that is what the counter knows."""
    module, _, name = definition.partition(":")
    model = getattr(importlib.import_module(module), name)().eval()
    feeds = [torch.from_numpy(array.copy()) for array in read_tensors(inputs).values()]
    counter = FlopCounterMode(display=False)
    # Attention in its parts: the counter knows no fused kernel of the CPU.
    plain = sdpa_kernel(SDPBackend.MATH)
    with counter, plain, torch.inference_mode():
        model(*feeds)
    return {"flops": counter.get_total_flops()}


OPERATIONS = {"flops": flops}
