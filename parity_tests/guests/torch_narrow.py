"""Runs in the torch worker: one small network in a narrow float, as torch computes it on the CPU."""

import numpy as np
import torch
from torch.nn import functional

from interop.workers.tensors import read_tensors, write_tensors


def run_narrow(weights, inputs, outputs, dtype):
    """Convolution, ReLU, pooling, two layers: the network of test_parity_precisions.py."""
    kind = getattr(torch, dtype)
    w = {n: torch.from_numpy(np.array(a)).to(kind) for n, a in read_tensors(weights).items()}
    x = torch.from_numpy(np.array(read_tensors(inputs)["x"])).to(kind)
    with torch.no_grad():
        y = functional.relu(functional.conv2d(x, w["k1"], w["c1"], padding=1))
        y = functional.relu(functional.conv2d(y, w["k2"], w["c2"], stride=2))
        y = functional.relu(functional.linear(y.flatten(1), w["w1"], w["b1"]))
        y = functional.linear(y, w["w2"], w["b2"])
    write_tensors(outputs, {"y": y.float().numpy()})
    return {}


OPERATIONS = {"run_narrow": run_narrow}
