"""Runs in the torch worker: gradients of a zoo definition as it is written there."""

import importlib

import torch

from interop.workers.tensors import read_tensors, write_tensors


def gradients(definition, inputs, cotangents, target):
    """Of the sum over outputs of output times cotangent, by every parameter and float input."""
    module, _, name = definition.partition(":")
    model = getattr(importlib.import_module(module), name)().eval()
    named = {n: torch.from_numpy(array.copy()) for n, array in read_tensors(inputs).items()}
    for feed in named.values():
        feed.requires_grad_(feed.is_floating_point())
    results = torch.utils._pytree.tree_leaves(model(*named.values()))
    weights = [torch.from_numpy(array.copy()) for array in read_tensors(cotangents).values()]
    sum((r * w).sum() for r, w in zip(results, weights, strict=True)).backward()
    found = dict(model.named_parameters())
    grads = {f"weight:{n}": p.grad.numpy() for n, p in found.items() if p.grad is not None}
    grads.update({f"value:{n}": p.detach().numpy() for n, p in found.items()})
    grads.update({f"input:{n}": f.grad.numpy() for n, f in named.items() if f.grad is not None})
    write_tensors(target, grads)
    return {}


OPERATIONS = {"gradients": gradients}
