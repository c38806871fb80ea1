"""Gradients of a written source in torch."""

from typing import Any

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
    model = import_source(source).load()
    named = read_tensors(inputs)
    feeds = {name: to_torch(array) for name, array in named.items()}
    floats = {name: feed for name, feed in feeds.items() if feed.is_floating_point()}
    for feed in floats.values():
        feed.requires_grad_()
    results = model(*feeds.values())
    weights = {name: to_torch(array) for name, array in read_tensors(cotangents).items()}
    sum((results[name] * weight).sum() for name, weight in weights.items()).backward()
    parameters = dict(model.named_parameters())
    found = {f"output:{name}": results[name].detach() for name in weights}
    found.update({f"input:{n}": f.grad for n, f in floats.items() if f.grad is not None})
    found.update({f"weight:{n}": p.grad for n, p in parameters.items() if p.grad is not None})
    found.update({f"value:{n}": p.detach() for n, p in parameters.items()})
    write_tensors(target, {name: to_numpy(tensor) for name, tensor in found.items()})
    return {}
