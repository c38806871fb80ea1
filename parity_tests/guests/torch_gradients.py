"""Runs in the torch worker: gradients of a written source."""

from interop.converters.torch.guest import to_torch

from interop.workers.tensors import read_tensors, write_tensors
from interop.workers.written import import_source


def gradients(folder, inputs, cotangents, target):
    """Of the sum over outputs of output times cotangent, by every parameter and float input."""
    model = import_source(folder).load()
    feeds = [to_torch(array) for array in read_tensors(inputs).values()]
    floats = {i: feed for i, feed in enumerate(feeds) if feed.is_floating_point()}
    for feed in floats.values():
        feed.requires_grad_()
    weights = map(to_torch, read_tensors(cotangents).values())
    loss = sum((r * w).sum() for r, w in zip(model(*feeds).values(), weights, strict=True))
    loss.backward()
    named = dict(model.named_parameters())
    grads = {f"weight:{n}": p.grad.numpy() for n, p in named.items() if p.grad is not None}
    grads.update({f"value:{n}": p.detach().numpy() for n, p in named.items()})
    grads.update({f"input:{i}": f.grad.numpy() for i, f in floats.items() if f.grad is not None})
    write_tensors(target, grads)
    return {}


OPERATIONS = {"gradients": gradients}
