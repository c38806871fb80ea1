"""An engine on its device: tensors go in and out under the model's own names.

`trt` is the package: tensorrt or tensorrt_rtx. Not run by us: it needs a GPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from interop.converters.tensorrt.memory import Buffer, Stream

from interop.errors import EnvironmentUnavailable, UnsupportedOperator, UsageError

Arrays = Mapping[str, np.ndarray[Any, Any]]

#: By the name of TensorRT's type.
DTYPES: dict[str, Any] = {
    "FLOAT": np.float32,
    "HALF": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "FP8": ml_dtypes.float8_e4m3fn,
    "INT8": np.int8,
    "INT32": np.int32,
    "INT64": np.int64,
    "BOOL": np.bool_,
    "UINT8": np.uint8,
}


def make_allocator(trt: Any) -> Any:
    """Where an engine puts one output: sizes may be known only when it has been computed."""

    class Allocator(trt.IOutputAllocator):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.IOutputAllocator.__init__(self)
            self.buffer, self.shape = Buffer(), ()

        def reallocate_output_async(
            self, name: str, memory: int, size: int, alignment: int, stream: int
        ) -> int:
            return self.buffer.hold(size)

        def reallocate_output(self, name: str, memory: int, size: int, alignment: int) -> int:
            return self.buffer.hold(size)

        def notify_shape(self, name: str, shape: Any) -> None:
            self.shape = tuple(shape)

    return Allocator()


class Engine:
    """One engine, its context and its buffers; all end with the process.

    Raises EnvironmentUnavailable where the device does not take the engine.
    """

    def __init__(self, trt: Any, title: str, log: Any, path: str) -> None:
        self._runtime = trt.Runtime(log)
        self._engine = self._runtime.deserialize_cuda_engine(Path(path).read_bytes())
        self._context = None if self._engine is None else self._engine.create_execution_context()
        if self._context is None:
            raise EnvironmentUnavailable(
                f"{title} cannot run its engine on this device",
                hint="Its engines may list no such device: its detail is the runtime's own.",
                detail="\n".join(log.errors),
            )
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        entering = trt.TensorIOMode.INPUT
        self.inputs = [n for n in names if self._engine.get_tensor_mode(n) == entering]
        self.outputs = [n for n in names if n not in self.inputs]
        self._on_host = trt.TensorLocation.HOST
        self._stream = Stream()
        self._fed = {name: Buffer() for name in self.inputs}
        self._held: dict[str, np.ndarray[Any, Any]] = {}
        self._given = {name: make_allocator(trt) for name in self.outputs}
        for name, allocator in self._given.items():
            self._context.set_output_allocator(name, allocator)

    def feed(self, feeds: Arrays) -> None:
        """Put the inputs where the engine reads them. Raises UsageError for sizes outside of those
        that it was built for."""
        for name in self.inputs:
            array = self._checked(name, feeds[name])
            if not self._context.set_input_shape(name, array.shape):
                low, _, high = self._engine.get_tensor_profile_shape(name, 0)
                raise UsageError(
                    f"the engine was built for sizes of {name!r} from {tuple(low)} to {tuple(high)}, "
                    f"and is given {array.shape}",
                    hint="Build it with inputs of these sizes, too.",
                )
            if self._engine.get_tensor_location(name) == self._on_host:
                where = array.ctypes.data
            else:
                where = self._stream.upload(array, self._fed[name])
            self._held[name] = array  # until the next: copies and the engine read it later
            self._context.set_tensor_address(name, where)

    def compute(self) -> None:
        """Set one run going on the stream."""
        if not self._context.execute_async_v3(self._stream.number):
            raise UnsupportedOperator("the engine could not be run: --verbose shows what it says")

    def fetch(self) -> dict[str, np.ndarray[Any, Any]]:
        """Wait for the outputs, and copy them to the host."""
        self._stream.wait()  # their shapes are known then
        found = {}
        for name, allocator in self._given.items():
            dtype = DTYPES[self._engine.get_tensor_dtype(name).name]
            found[name] = np.empty(allocator.shape, dtype)
            self._stream.download(allocator.buffer, found[name])
        self._stream.wait()
        return found

    def run(self, feeds: Arrays) -> dict[str, np.ndarray[Any, Any]]:
        """From the host's memory to the host's memory."""
        self.feed(feeds)
        self.compute()
        return self.fetch()

    def run_resident(self) -> float:
        """Seconds, by the device's own clock, of one run on what was fed last."""
        self._stream.begin()
        self.compute()
        return self._stream.elapsed()

    def _checked(self, name: str, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        wanted = np.dtype(DTYPES[self._engine.get_tensor_dtype(name).name])
        if array.dtype != wanted:
            raise UnsupportedOperator(
                f"the engine takes {name!r} as {wanted}, and the model as {array.dtype}",
                hint="TensorRT has no such type: cast inside the model.",
            )
        return np.ascontiguousarray(array)
