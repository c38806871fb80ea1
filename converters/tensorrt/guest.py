"""The TensorRT worker."""

from __future__ import annotations

import tensorrt as trt
from interop.converters.tensorrt.worker import operations

OPERATIONS = operations(trt, "TensorRT")
