"""Runs in the TensorRT-RTX worker: `execution.Engine` on a twin of the device in the host's memory.

The twin's engine doubles `x` and gives the values above 1 in `big`, whose size is known only then; it
follows TensorRT's documented interface, and reads and writes by address alone, as a device does.
"""

import ctypes
import time
import types

import numpy as np
import tensorrt_rtx
from interop.converters.tensorrt import execution, memory
from interop.converters.tensorrt.network import make_log


class Cuda:
    """Of cuda.bindings.runtime what memory.py calls."""

    cudaMemcpyKind = types.SimpleNamespace(cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2)  # noqa: N815

    def __init__(self):
        self.held, self.fails = {}, False

    def cudaMalloc(self, size):
        block = ctypes.create_string_buffer(size)
        self.held[ctypes.addressof(block)] = block
        return 0, ctypes.addressof(block)

    def cudaFree(self, pointer):
        del self.held[pointer]
        return (0,)

    def cudaMemcpyAsync(self, target, source, size, kind, stream):
        ctypes.memmove(target, source, size)
        return (700,) if self.fails else (0,)

    def cudaStreamCreate(self):
        return 0, 5

    def cudaStreamSynchronize(self, stream):
        return (0,)

    def cudaEventCreate(self):
        return 0, [0.0]

    def cudaEventRecord(self, event, stream):
        event[0] = time.perf_counter()
        return (0,)

    def cudaEventSynchronize(self, event):
        return (0,)

    def cudaEventElapsedTime(self, begin, end):
        return 0, (end[0] - begin[0]) * 1e3

    def cudaGetErrorString(self, status):
        return 0, b"an illegal memory access was encountered"


class Context:
    def __init__(self):
        self.address, self.allocators, self.shape = {}, {}, None

    def set_output_allocator(self, name, allocator):
        self.allocators[name] = allocator

    def set_input_shape(self, name, shape):
        if not 1 <= shape[0] <= 4:
            return False
        self.shape = shape
        return True

    def set_tensor_address(self, name, where):
        self.address[name] = where

    def execute_async_v3(self, stream):
        assert stream == 5
        time.sleep(0.002)
        kind = ctypes.c_float * int(np.prod(self.shape))
        x = np.ctypeslib.as_array(kind.from_address(self.address["x"])).reshape(self.shape)
        for name, array in (("y", x * 2), ("big", x[x > 1])):
            where = self.allocators[name].reallocate_output_async(name, 0, array.nbytes, 256, 5)
            self.allocators[name].notify_shape(name, array.shape)
            array = np.ascontiguousarray(array)
            ctypes.memmove(where, array.ctypes.data, array.nbytes)
        return True


class TwinEngine:
    num_io_tensors = 3

    def __init__(self):
        self.context = Context()

    def create_execution_context(self):
        return self.context

    def get_tensor_name(self, index):
        return ("x", "y", "big")[index]

    def get_tensor_mode(self, name):
        modes = tensorrt_rtx.TensorIOMode
        return modes.INPUT if name == "x" else modes.OUTPUT

    def get_tensor_dtype(self, name):
        return tensorrt_rtx.DataType.FLOAT

    def get_tensor_location(self, name):
        return tensorrt_rtx.TensorLocation.DEVICE

    def get_tensor_profile_shape(self, name, index):
        return [(1, 3), (2, 3), (4, 3)]


def _opened(path, cuda, engine):
    """execution.Engine on the twins; all else of the package is the real one."""
    memory.cuda = cuda
    twin = types.SimpleNamespace(
        Runtime=lambda log: types.SimpleNamespace(deserialize_cuda_engine=lambda data: engine),
        IOutputAllocator=tensorrt_rtx.IOutputAllocator,
        TensorIOMode=tensorrt_rtx.TensorIOMode,
        TensorLocation=tensorrt_rtx.TensorLocation,
    )
    return execution.Engine(twin, "Twin", make_log(tensorrt_rtx), path)


def run_twin(path, batches):
    """Outputs for one batch after the other, as lists; then seconds on the device, and what is held."""
    cuda = Cuda()
    engine = _opened(path, cuda, TwinEngine())
    found = []
    for count in batches:
        x = np.arange(count * 3, dtype=np.float32).reshape(count, 3) / 4
        found.append({name: array.tolist() for name, array in engine.run({"x": x}).items()})
    return {"outputs": found, "seconds": engine.run_resident(), "buffers": len(cuda.held)}


def fail_twin(path, how):
    """What goes wrong with sizes, a type, the device, or an engine that it does not take."""
    cuda = Cuda()
    engine = _opened(path, cuda, None if how == "engine" else TwinEngine())
    cuda.fails = how == "device"
    dtype = np.float64 if how == "type" else np.float32
    engine.run({"x": np.ones((9 if how == "sizes" else 2, 3), dtype)})
    return {}


OPERATIONS = {"run_twin": run_twin, "fail_twin": fail_twin}
