"""Tensors between NumPy and torch."""

import numpy as np
import torch


def to_torch(array: np.ndarray) -> torch.Tensor:
    """A tensor of its own memory."""
    if array.dtype.isbuiltin == 2:  # ml_dtypes' bfloat16 and eight-bit floats
        bits = torch.from_numpy(np.array(array.view(f"u{array.dtype.itemsize}")))
        return bits.view(getattr(torch, array.dtype.name))
    return torch.from_numpy(np.array(array))


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    """Dtypes that NumPy lacks as ml_dtypes has them."""
    name = str(tensor.dtype).removeprefix("torch.")
    tensor = tensor.detach().contiguous()
    if name == "bfloat16" or name.startswith("float8"):
        import ml_dtypes

        bits = tensor.view(torch.uint16 if tensor.itemsize == 2 else torch.uint8)
        return bits.numpy().view(getattr(ml_dtypes, name))
    return tensor.numpy()
