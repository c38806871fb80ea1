"""Runs in the MXNet worker: a zoo definition in gluon on given inputs."""

import importlib

import mxnet as mx

from interop.workers.tensors import read_tensors, write_tensors


def run_definition(definition, inputs, outputs, names):
    """`names` are of the results, in order."""
    module, _, name = definition.partition(":")
    block = getattr(importlib.import_module(module), name)()
    block.hybridize()
    arrays = read_tensors(inputs).values()
    results = block(*[mx.nd.array(array, dtype=array.dtype) for array in arrays])
    results = results if isinstance(results, (list, tuple)) else [results]
    write_tensors(outputs, {n: r.asnumpy() for n, r in zip(names, results, strict=True)})
    return {}


OPERATIONS = {"run_definition": run_definition}
