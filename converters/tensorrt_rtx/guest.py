"""The TensorRT-RTX worker."""

from __future__ import annotations

import tensorrt_rtx as trt
from interop.converters.tensorrt.worker import operations

OPERATIONS = operations(trt, "TensorRT-RTX")
