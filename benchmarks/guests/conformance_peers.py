"""Runs in a peer's interpreter: ONNX files, converted or executed by it, on recorded inputs."""

import os

import numpy as np

from interop.workers.tensors import read_tensors, write_tensors


def run_cases(peer, folders):
    """Each folder holds case.onnx and `in`; what `peer` computes goes to `out`.

    Returns one message a folder: "" where it ran.
    """
    return {"messages": [_run(PEERS[peer], folder) for folder in folders]}


def _run(peer, folder):
    try:
        feeds = {name: np.array(a) for name, a in read_tensors(os.path.join(folder, "in")).items()}
        results = peer(os.path.join(folder, "case.onnx"), feeds)
        arrays = {str(i): np.asarray(result) for i, result in enumerate(results)}
        write_tensors(os.path.join(folder, "out"), arrays)
    except Exception as error:  # noqa: BLE001 - what a peer cannot do is what is to be counted
        return f"{type(error).__name__}: {str(error)[:120]}"
    return ""


def onnxruntime(path, feeds):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def reference(path, feeds):
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(path).run(None, feeds)


def openvino(path, feeds):
    import openvino as ov

    model = ov.Core().compile_model(path, "CPU")
    return list(model(list(feeds.values())).values())


def onnx2torch(path, feeds):
    import onnx
    import onnx2torch as peer

    return _torch(peer.convert(onnx.load(path)), feeds)


def onnx2pytorch(path, feeds):
    import onnx
    import onnx2pytorch as peer

    return _torch(peer.ConvertModel(onnx.load(path), experimental=True), feeds)


def _torch(module, feeds):
    import torch

    with torch.inference_mode():
        result = module.eval()(*[torch.from_numpy(array) for array in feeds.values()])
    leaves = torch.utils._pytree.tree_leaves(result)
    return [leaf.numpy() for leaf in leaves if isinstance(leaf, torch.Tensor)]


def jaxonnxruntime(path, feeds):
    import jax
    import onnx
    from jaxonnxruntime import backend

    jax.config.update("jax_enable_x64", True)
    return backend.Backend.prepare(onnx.load(path)).run(list(feeds.values()))


PEERS = {
    function.__name__: function
    for function in (onnxruntime, reference, openvino, onnx2torch, onnx2pytorch, jaxonnxruntime)
}

OPERATIONS = {"run_cases": run_cases}
