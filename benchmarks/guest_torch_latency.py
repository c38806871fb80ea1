"""Runs in an interpreter with torch: a converted module, the native network, and peers' conversions."""

import gc
import importlib
import importlib.util
import os
import random
import time

import torch

from interop.workers.tensors import read_tensors


def compare(folder, definition, rounds, seed):
    """Interleaved single calls in random order within each round, after warm-up, in inference mode.

    `folder` holds model.py with its weights, m.onnx (as the dynamo exporter wrote it) and `in`.
    Returns seconds by contender, how far each is from the native network relative to its largest
    output, and why those that are missing are.
    """
    module, _, name = definition.partition(":")
    native = getattr(importlib.import_module(module), name)().eval()
    feeds = [torch.from_numpy(array.copy()) for array in read_tensors(f"{folder}/in").values()]
    contenders = {"native": native, "interop": _load(folder)}
    missing = {}
    for peer in ("onnx2torch", "onnx2pytorch"):
        try:
            contenders[peer] = _peer(peer, f"{folder}/m.onnx").eval()
            with torch.inference_mode():
                contenders[peer](*feeds)
        except Exception as error:  # noqa: BLE001 - what a peer cannot do is what is to be told
            contenders.pop(peer, None)
            missing[peer] = f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"
    with torch.inference_mode():
        outputs = {n: _first(f(*feeds)) for n, f in contenders.items() for _ in range(3)}
        seconds = {name: [] for name in contenders}
        order = random.Random(seed)
        gc.disable()
        for _ in range(rounds):
            for name in order.sample(sorted(contenders), len(contenders)):
                start = time.perf_counter()
                contenders[name](*feeds)
                seconds[name].append(time.perf_counter() - start)
        gc.enable()
    wanted = outputs["native"]
    scale = float(wanted.abs().max())
    difference = {n: float((o - wanted).abs().max()) / scale for n, o in outputs.items()}
    return {"seconds": seconds, "difference": difference, "missing": missing}


def _load(folder):
    spec = importlib.util.spec_from_file_location("model", os.path.join(folder, "model.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load()


def _peer(name, path):
    import onnx

    if name == "onnx2torch":
        import onnx2torch

        return onnx2torch.convert(onnx.load(path))
    import onnx2pytorch

    return onnx2pytorch.ConvertModel(onnx.load(path))


def _first(result):
    """The first output, whichever form the contender gives them in."""
    return torch.utils._pytree.tree_leaves(result)[0].to(torch.float64)


OPERATIONS = {"compare": compare}
