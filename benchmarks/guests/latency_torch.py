"""Runs in an interpreter with torch: converted modules, the native network, and peers' conversions."""

import importlib

import torch
from interleaved import reason, take_turns

from interop.workers.tensors import read_tensors
from interop.workers.written import import_source


def compare(folder, artifact, names, outputs, definition, rounds):
    """See `interleaved.take_turns`. "interop" is the module of model.py, "program" the .pt2's; "native
    program" is what torch.export makes of the native network.

    `folder` holds model.onnx, as the dynamo exporter wrote it, and `in`.
    """
    feeds = [torch.from_numpy(array.copy()) for array in read_tensors(f"{folder}/in").values()]
    module, _, name = definition.partition(":")
    native = getattr(importlib.import_module(module), name)().eval()
    program = torch.export.load(artifact).module()
    contenders = {
        "native": called(native, feeds),
        "interop": called(import_source(f"{folder}/out").load(), feeds),
        "program": called(program, feeds),
        "native program": called(torch.export.export(native, tuple(feeds)).module(), feeds),
    }
    missing = {}
    for one in (onnx2pytorch, onnx2torch):
        try:
            contenders[one.__name__] = called(one(f"{folder}/model.onnx").eval(), feeds)
        except Exception as error:  # noqa: BLE001 - what a peer cannot do is what is to be told
            missing[one.__name__] = reason(error)
    with torch.inference_mode():
        return take_turns(contenders, rounds, missing)


def called(function, feeds):
    return lambda: [leaf.numpy() for leaf in torch.utils._pytree.tree_leaves(function(*feeds))]


def onnx2torch(path):
    import onnx
    import onnx2torch

    return onnx2torch.convert(onnx.load(path))


def onnx2pytorch(path):
    import onnx
    import onnx2pytorch

    return onnx2pytorch.ConvertModel(onnx.load(path))


OPERATIONS = {"compare": compare}
