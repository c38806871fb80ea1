"""Runs in the torch worker: what converters/torch/devices.py does to torch, as torch itself tells it."""

import torch
from interop.converters.torch import devices


class _Masked(torch.nn.Module):
    """Holds a parameter and a buffer, and makes a tensor up on the processor as it goes."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 4)
        self.register_buffer("shift", torch.ones(4))

    def forward(self, x):
        ramp = torch.arange(x.shape[1], device="cpu")
        return self.layer(x) + self.shift + ramp


def products(precision):
    """Whether products and layers of float32 are computed in TF32 on CUDA, once that is settled."""
    devices.settle("cpu", precision)
    return {
        "matmul": torch.backends.cuda.matmul.allow_tf32,
        "cudnn": torch.backends.cudnn.allow_tf32,
    }


def move_to_meta(moving):
    """The device and sizes of what a program gives for an input on `meta`, once it is moved there, or
    what torch says where it is not."""
    x = torch.zeros(2, 4)
    program = torch.export.export(_Masked(), (x,))
    if moving:
        program = devices.moved(program, "meta")
    try:
        y = program.module()(x.to("meta"))
    except Exception as error:  # noqa: BLE001 - torch raises anything here
        return {"error": str(error)}
    return {"device": y.device.type, "shape": list(y.shape)}


OPERATIONS = {"products": products, "move_to_meta": move_to_meta}
