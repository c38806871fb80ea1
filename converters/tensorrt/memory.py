"""Memory of the device, the stream that all work goes through, and its events, by CUDA's own bindings.

Plain allocations; no setting of the device is touched.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from cuda.bindings import runtime as cuda

from interop.errors import EnvironmentUnavailable


def checked(answer: tuple[Any, ...]) -> Any:
    """What a call of the bindings returns behind its status. Raises EnvironmentUnavailable."""
    status, *values = answer
    if int(status):
        words = cuda.cudaGetErrorString(status)[1].decode()
        raise EnvironmentUnavailable(
            f"CUDA says: {words}", hint="`interop doctor` shows what is found of a GPU."
        )
    return values[0] if values else None


class Buffer:
    """Bytes on the device; it grows where more are asked for, and is never empty: TensorRT takes no
    null pointer."""

    def __init__(self) -> None:
        self.pointer, self._size = 0, 0

    def hold(self, size: int) -> int:
        """Make room for `size` bytes, and say where they are."""
        if size > self._size or not self.pointer:
            self.free()
            self._size = max(size, 1)
            self.pointer = checked(cuda.cudaMalloc(self._size))
        return self.pointer

    def free(self) -> None:
        if self.pointer:
            checked(cuda.cudaFree(self.pointer))
            self.pointer = 0


class Stream:
    """The one stream of a worker."""

    def __init__(self) -> None:
        self._handle = checked(cuda.cudaStreamCreate())
        self._begin, self._end = checked(cuda.cudaEventCreate()), checked(cuda.cudaEventCreate())

    @property
    def number(self) -> int:
        """As TensorRT takes it."""
        return int(self._handle)

    def upload(self, array: np.ndarray[Any, Any], buffer: Buffer) -> int:
        """Copy a contiguous array into `buffer`, and say where that is."""
        where = buffer.hold(array.nbytes)
        kind = cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        checked(cuda.cudaMemcpyAsync(where, array.ctypes.data, array.nbytes, kind, self._handle))
        return where

    def download(self, buffer: Buffer, array: np.ndarray[Any, Any]) -> None:
        """Fill `array` from `buffer`; it is there after `wait`."""
        kind = cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        checked(
            cuda.cudaMemcpyAsync(
                array.ctypes.data, buffer.pointer, array.nbytes, kind, self._handle
            )
        )

    def wait(self) -> None:
        checked(cuda.cudaStreamSynchronize(self._handle))

    def begin(self) -> None:
        """Start the device's own clock."""
        checked(cuda.cudaEventRecord(self._begin, self._handle))

    def elapsed(self) -> float:
        """Seconds on the device since `begin`, once all that was asked of it is done."""
        checked(cuda.cudaEventRecord(self._end, self._handle))
        checked(cuda.cudaEventSynchronize(self._end))
        milliseconds: float = checked(cuda.cudaEventElapsedTime(self._begin, self._end))
        return milliseconds / 1e3
