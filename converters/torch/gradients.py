"""Gradients in torch: of a written source, and of the model that the worker has loaded."""

from collections.abc import Sequence
from typing import Any

import torch
from interop.converters.torch.tensors import to_numpy, to_torch

from interop.workers.tensors import read_tensors, write_tensors
from interop.workers.written import import_source


def gradients(source: str, inputs: str, cotangents: str, target: str) -> dict[str, Any]:
    """Write into `target` the gradients of the sum over outputs of output times cotangent.

    source: the folder of a written source. inputs: a folder of tensors in the order in which it takes
    them; cotangents: one by the names of its outputs, those without one left out of the sum.

    Written are `input:<name>` for float inputs, `weight:<name>` for parameters that the sum depends on,
    `value:<name>` (what each parameter is) and `output:<name>`.
    """
    model, order = import_source(source).load(), list(read_tensors(inputs))
    return differentiate(model, order, None, inputs, cotangents, target)


def differentiate(
    model: torch.nn.Module,
    order: Sequence[str],
    outputs: Sequence[str] | None,
    inputs: str,
    cotangents: str,
    target: str,
) -> dict[str, Any]:
    """`gradients` of `model`, which takes inputs in this order and gives outputs of these names, in
    whatever shell; None: it names them itself."""
    named = read_tensors(inputs)
    feeds = {name: to_torch(named[name]) for name in order}
    floats = {name: feed for name, feed in feeds.items() if feed.is_floating_point()}
    for feed in floats.values():
        feed.requires_grad_()
    results = model(*feeds.values())
    if outputs is not None:
        leaves = torch.utils._pytree.tree_leaves(results)
        tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
        results = dict(zip(outputs, tensors, strict=True))
    weights = {name: to_torch(array) for name, array in read_tensors(cotangents).items()}
    parameters = dict(model.named_parameters())
    model.zero_grad()
    sum((results[name] * weight).sum() for name, weight in weights.items()).backward()
    found = {f"output:{name}": results[name].detach() for name in weights}
    found.update({f"input:{n}": f.grad for n, f in floats.items() if f.grad is not None})
    found.update({f"weight:{n}": p.grad for n, p in parameters.items() if p.grad is not None})
    found.update({f"value:{n}": p.detach() for n, p in parameters.items()})
    write_tensors(target, {name: to_numpy(tensor) for name, tensor in found.items()})
    return {}
