"""A TensorRT engine in this process, with its memory: what was built for this GPU by this TensorRT, and nothing else.

https://docs.nvidia.com/deeplearning/tensorrt/10.16.1/inference-library/python-api-docs.html
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cotejo.backends import cudart
from cotejo.errors import MeasuringError
from cotejo.files import read_json

PLAN, FACTS = "model.plan", "engine.json"
# An engine is tied to these: TensorRT loads none of another version, and on another GPU it is slow, or fails.
TIED = ("gpu", "compute_capability", "tensorrt")


class ForeignEngine(MeasuringError):
    """An engine that was built on another kind of GPU, or by another TensorRT."""

    reason = "foreign-engine"


def machine() -> dict[str, Any]:
    """What an engine is tied to here, and the driver; DeviceMissing without a GPU."""
    import tensorrt

    gpu = cudart.require()
    return {
        "gpu": gpu.name,
        "compute_capability": gpu.compute_capability,
        "tensorrt": tensorrt.__version__,
        "driver": gpu.driver,
    }


def refuse_foreign(folder: Path, here: Mapping[str, Any]) -> dict[str, Any]:
    """What an engine's folder says of it; ForeignEngine unless it was built for what is here."""
    facts: dict[str, Any] = read_json(folder / FACTS)
    other = [key for key in TIED if facts[key] != here[key]]
    if other:
        built = ", ".join(f"{key} {facts[key]}" for key in other)
        found = ", ".join(f"{key} {here[key]}" for key in other)
        raise ForeignEngine(
            f"{folder}: an engine for {built}; here is {found}. `make retry` deletes it, so that it is built anew; "
            "where several machines share a checkout, give each its own file in config/systems"
        )
    return facts


def make_logger() -> Any:
    """TensorRT's logger: warnings and errors go to standard error, and `errors` keeps the latter."""
    import tensorrt

    class Logger(tensorrt.ILogger):
        def __init__(self) -> None:
            tensorrt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, msg: str) -> None:
            if severity <= tensorrt.ILogger.Severity.WARNING:
                print(f"tensorrt: {severity.name.lower()}: {msg}", file=sys.stderr, flush=True)
            if severity <= tensorrt.ILogger.Severity.ERROR:
                self.errors.append(msg)

    return Logger()


class Engine:
    """An engine's folder, ready to compute; its buffers are as large as its profile's largest shapes."""

    def __init__(self, folder: Path) -> None:
        import tensorrt

        here = machine()
        self._facts = refuse_foreign(folder, here)
        free_bytes, _ = cudart.memory_bytes()
        self._logger = make_logger()
        self._runtime = tensorrt.Runtime(self._logger)
        self._engine = self._runtime.deserialize_cuda_engine((folder / PLAN).read_bytes())
        self._context: Any = self._engine.create_execution_context() if self._engine else None
        if self._context is None:
            raise RuntimeError(f"{folder / PLAN}: TensorRT can't load it: {self._error()}")
        self._stream = cudart.new_stream()
        names = [self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)]
        inputs = tensorrt.TensorIOMode.INPUT
        self.inputs = [name for name in names if self._engine.get_tensor_mode(name) == inputs]
        self.outputs = [name for name in names if name not in self.inputs]
        self._types = {name: np.dtype(tensorrt.nptype(self._engine.get_tensor_dtype(name))) for name in names}
        for name in self.inputs:
            self._shape(name, self.largest(name))
        self._buffers = {name: self._allocated(name) for name in names}
        self._here = here
        self._memory_bytes = free_bytes - cudart.memory_bytes()[0]

    def largest(self, name: str) -> tuple[int, ...]:
        """The largest shape of an input."""
        shape = tuple(self._engine.get_tensor_shape(name))
        return tuple(self._engine.get_tensor_profile_shape(name, 0)[2]) if -1 in shape else shape

    def infer(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Every output by name, once the GPU is done. ValueError where an input's type or shape isn't the engine's."""
        for name in self.inputs:
            values = inputs[name]
            if values.dtype != self._types[name]:
                raise ValueError(f"{name}: is of {values.dtype}, and the engine takes {self._types[name]}")
            self._shape(name, values.shape)
            np.copyto(self._buffers[name].view(values.shape, values.dtype), values)
            self._buffers[name].send(values.nbytes, self._stream)
        if not self._context.execute_async_v3(self._stream):
            raise RuntimeError(f"TensorRT can't compute: {self._error()}")
        found = {}
        for name in self.outputs:
            found[name] = self._buffers[name].view(tuple(self._context.get_tensor_shape(name)), self._types[name])
            self._buffers[name].fetch(found[name].nbytes, self._stream)
        cudart.finish(self._stream)
        # The buffers are the next call's.
        return {name: values.copy() for name, values in found.items()}

    def properties(self) -> dict[str, Any]:
        """What a record holds of it: where and how it was built, and the memory that it takes of the GPU."""
        told = ("precision", "inputs", "flags", "build_s", "timing_cache_bytes", "onnx")
        return {
            **self._here,
            **{key: self._facts[key] for key in told},
            "layers": self._engine.num_layers,
            "activation_memory_mib": self._engine.device_memory_size_v2 / 2**20,
            "loaded_memory_mib": self._memory_bytes / 2**20,
        }

    def _shape(self, name: str, shape: tuple[int, ...]) -> None:
        if not self._context.set_input_shape(name, shape):
            most = self.largest(name)
            raise ValueError(f"{name}: {shape}: not of the engine's profile, up to {most}: {self._error()}")

    def _allocated(self, name: str) -> cudart.Buffer:
        """A tensor's memory, for the shapes that its context has now."""
        shape = tuple(self._context.get_tensor_shape(name))
        if -1 in shape:
            raise RuntimeError(f"{name}: {shape}: its size depends on values, so no memory can be kept for it")
        buffer = cudart.Buffer(max(1, int(np.prod(shape)) * self._types[name].itemsize))
        if not self._context.set_tensor_address(name, buffer.device):
            raise RuntimeError(f"{name}: TensorRT doesn't take its memory: {self._error()}")
        return buffer

    def _error(self) -> str:
        return self._logger.errors[-1] if self._logger.errors else "it doesn't say why"
