"""Weights that stay in their file: read where they lie, at the moment when they are needed.

What is mapped is memory that the system may take back at any time, so a model is checked in little
more than what is worked out from its weights.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, TensorProto
from onnx import numpy_helper as nph
from onnx.external_data_helper import ExternalDataInfo, load_external_data_for_tensor

from interop.parity.settings import settings

Array = np.ndarray[Any, Any]

#: Elements from which on a float32 tensor is worth leaving where it is.
LARGE = 1 << 18


def load_mapped(path: str | Path) -> ModelProto:
    """A canonical model, whose large float32 initializers stay in the file beside it, if there is
    one: only `array_of` reads those. Raises as onnx.load does."""
    model = onnx.load(path, load_external_data=False)
    folder, needed = Path(path).resolve().parent, set(settings(model.graph))
    for tensor in model.graph.initializer:
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        large = tensor.data_type == TensorProto.FLOAT and math.prod(tensor.dims) >= LARGE
        if not large or tensor.name in needed:
            load_external_data_for_tensor(tensor, str(folder))
            continue
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = str(folder / entry.value)
    return model


def array_of(tensor: TensorProto) -> Array:
    """The values of a tensor, of a mapped one a read-only view of its file."""
    if tensor.data_location != TensorProto.EXTERNAL:
        return np.asarray(nph.to_array(tensor))
    info = ExternalDataInfo(tensor)
    return np.asarray(
        np.memmap(info.location, "<f4", "r", offset=info.offset or 0, shape=tuple(tensor.dims))
    )
