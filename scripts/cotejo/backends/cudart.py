"""CUDA's runtime for what computes without PyTorch: what GPU this is, a stream, and memory of GPU and host.

By NVIDIA's own bindings (cuda-bindings), which hold the runtime and need nothing but the driver.
https://docs.nvidia.com/cuda/cuda-runtime-api/
"""

import ctypes
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cotejo.errors import DeviceMissing

DRIVER = Path("/proc/driver/nvidia/version")


class Gpu(NamedTuple):
    """The GPU that this process computes on: the first of those that it is shown."""

    name: str
    compute_capability: str  # such as 8.6
    driver: str | None  # such as 580.65.06; None where the kernel doesn't tell


def require() -> Gpu:
    """The GPU; DeviceMissing where there is none, or none that this CUDA can use."""
    from cuda.bindings import runtime

    status, number = runtime.cudaGetDeviceCount()
    if int(status) != 0 or not number:
        raise DeviceMissing(
            f"no CUDA device here: the CUDA runtime says {_said(status)}. Do it on a machine with an NVIDIA GPU, whose "
            "driver is as new as this CUDA needs (envs/tensorrt.in says which)"
        )
    found: Any = called(runtime.cudaGetDeviceProperties(0))
    return Gpu(found.name.decode(), f"{found.major}.{found.minor}", driver_version())


def driver_version(told: Path = DRIVER) -> str | None:
    """The version of the kernel's NVIDIA driver."""
    found = re.search(r"Kernel Module\b.*?\s(\d+(?:\.\d+)+)\s", told.read_text()) if told.is_file() else None
    return found[1] if found else None


def called(answer: tuple[Any, ...]) -> Any:
    """What a call of the runtime returned beside its status; RuntimeError, saying which, where that is an error."""
    status, *values = answer
    if int(status) != 0:
        raise RuntimeError(f"CUDA {_said(status).removeprefix('CUDA ')}")
    return values[0] if values else None


def _said(status: Any) -> str:
    from cuda.bindings import runtime

    _, text = runtime.cudaGetErrorString(status)
    return f"{text.decode()} ({status.name})"


class Buffer:
    """Memory of the GPU, and as much page-locked memory of the host, which copies to and from it fastest.

    Neither is ever freed: an engine keeps its buffers for as long as its process lives.
    """

    def __init__(self, size_bytes: int) -> None:
        from cuda.bindings import runtime

        self.size_bytes = size_bytes
        self.device = int(called(runtime.cudaMalloc(size_bytes)))
        address = int(called(runtime.cudaMallocHost(size_bytes)))
        self._host = np.ctypeslib.as_array((ctypes.c_ubyte * size_bytes).from_address(address))

    def view(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
        """The beginning of the host's memory as an array; ValueError where it is too small for it."""
        size_bytes = int(np.prod(shape)) * dtype.itemsize
        if size_bytes > self.size_bytes:
            raise ValueError(f"{size_bytes} bytes of shape {shape}: the buffer has {self.size_bytes}")
        return self._host[:size_bytes].view(dtype).reshape(shape)

    def send(self, size_bytes: int, stream: int) -> None:
        """Have so many bytes copied to the GPU, in their turn on a stream."""
        from cuda.bindings import runtime

        kind = runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        called(runtime.cudaMemcpyAsync(self.device, self._host.ctypes.data, size_bytes, kind, stream))

    def fetch(self, size_bytes: int, stream: int) -> None:
        """The same from the GPU."""
        from cuda.bindings import runtime

        kind = runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        called(runtime.cudaMemcpyAsync(self._host.ctypes.data, self.device, size_bytes, kind, stream))


def new_stream() -> int:
    from cuda.bindings import runtime

    return int(called(runtime.cudaStreamCreate()))


def finish(stream: int) -> None:
    """Wait until all that was put on a stream is done."""
    from cuda.bindings import runtime

    called(runtime.cudaStreamSynchronize(stream))


def memory_bytes() -> tuple[int, int]:
    """The GPU's free memory, and all of it."""
    from cuda.bindings import runtime

    status, free, total = runtime.cudaMemGetInfo()
    called((status,))
    return free, total
