"""CUDA's runtime in place of the real one, as far as it is used, with one GPU whose memory is the host's."""

import ctypes
import enum
from types import SimpleNamespace
from typing import Any

sent: list[int] = []  # bytes of each copy between host and GPU


class Cuda:
    """cuda.bindings.runtime. What is copied from the GPU is there once its stream is waited for."""

    Status = enum.IntEnum("cudaError_t", {"cudaSuccess": 0, "cudaErrorMemoryAllocation": 2, "cudaErrorNoDevice": 100})
    cudaMemcpyKind = enum.IntEnum("cudaMemcpyKind", {"cudaMemcpyHostToDevice": 1, "cudaMemcpyDeviceToHost": 2})

    def __init__(self, gpus: int = 1, name: str = "NVIDIA A30", memory_bytes: int = 1 << 30) -> None:
        self._gpus, self._name, self._free = gpus, name, memory_bytes
        self._kept: dict[int, Any] = {}
        self._waiting: list[tuple[int, int, int]] = []  # what is on the stream and not yet done

    def cudaGetDeviceCount(self) -> tuple[Any, ...]:
        return (self.Status.cudaSuccess, self._gpus) if self._gpus else (self.Status.cudaErrorNoDevice, None)

    def cudaGetDeviceProperties(self, device: int) -> tuple[Any, ...]:
        return self.Status.cudaSuccess, SimpleNamespace(name=self._name.encode(), major=8, minor=0)

    def cudaGetErrorString(self, error: Any) -> tuple[Any, ...]:
        said = {2: b"out of memory", 100: b"no CUDA-capable device is detected"}
        return self.Status.cudaSuccess, said[int(error)]

    def cudaMalloc(self, size: int) -> tuple[Any, ...]:
        if size > self._free:
            return self.Status.cudaErrorMemoryAllocation, None
        self._free -= size
        return self.Status.cudaSuccess, self._allocated(size)

    def cudaMallocHost(self, size: int) -> tuple[Any, ...]:
        return self.Status.cudaSuccess, self._allocated(size)

    def cudaMemGetInfo(self) -> tuple[Any, ...]:
        return self.Status.cudaSuccess, self._free, 1 << 30

    def cudaStreamCreate(self) -> tuple[Any, ...]:
        return self.Status.cudaSuccess, 77

    def cudaMemcpyAsync(self, dst: int, src: int, count: int, kind: Any, stream: int) -> tuple[Any, ...]:
        sent.append(count)
        if kind == self.cudaMemcpyKind.cudaMemcpyHostToDevice:
            ctypes.memmove(dst, src, count)
        else:
            self._waiting.append((dst, src, count))
        return (self.Status.cudaSuccess,)

    def cudaStreamSynchronize(self, stream: int) -> tuple[Any, ...]:
        for dst, src, count in self._waiting:
            ctypes.memmove(dst, src, count)
        self._waiting.clear()
        return (self.Status.cudaSuccess,)

    def _allocated(self, size: int) -> int:
        memory = ctypes.create_string_buffer(size)
        self._kept[ctypes.addressof(memory)] = memory
        return ctypes.addressof(memory)
