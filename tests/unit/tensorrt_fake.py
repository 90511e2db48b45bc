"""TensorRT in place of the real one, as far as it is used: what it is told is written down.

An engine is JSON, and what it computes is the sum of all that was put into its inputs, in every element of each output.
That the real package has these names and parameters is what test_tensorrt_api holds.
"""

import ctypes
import enum
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx

__version__ = "10.16.1.11"

TYPES = {"FLOAT": np.float32, "HALF": np.float16, "INT64": np.int64}
calls: list[str] = []  # of Builder and IBuilderConfig

DataType = enum.IntEnum("DataType", ["FLOAT", "HALF", "INT64"], start=0)
BuilderFlag = enum.IntEnum("BuilderFlag", ["TF32", "INT8", "FP16"], start=0)
NetworkDefinitionCreationFlag = enum.IntEnum("NetworkDefinitionCreationFlag", ["STRONGLY_TYPED"])
ProfilingVerbosity = enum.IntEnum("ProfilingVerbosity", ["LAYER_NAMES_ONLY", "DETAILED"], start=0)
LayerInformationFormat = enum.IntEnum("LayerInformationFormat", ["ONELINE", "JSON"], start=0)
TensorIOMode = enum.IntEnum("TensorIOMode", ["NONE", "INPUT", "OUTPUT"], start=0)


def nptype(trt_type: DataType) -> type:
    return TYPES[trt_type.name]


class ILogger:
    def log(self, severity: Any, msg: str) -> None:
        raise NotImplementedError

    Severity = enum.IntEnum("Severity", ["INTERNAL_ERROR", "ERROR", "WARNING", "INFO", "VERBOSE"], start=0)


class ITensor:
    name = ""
    shape: tuple[int, ...] = ()
    dtype = DataType.FLOAT

    def __init__(self, name: str, shape: tuple[int, ...], dtype: DataType) -> None:
        self.name, self.shape, self.dtype = name, shape, dtype


class INetworkDefinition:
    def __init__(self) -> None:
        self._inputs: list[ITensor] = []
        self._outputs: list[ITensor] = []

    @property
    def num_inputs(self) -> int:
        return len(self._inputs)

    @property
    def num_outputs(self) -> int:
        return len(self._outputs)

    def get_input(self, index: int) -> ITensor:
        return self._inputs[index]

    def get_output(self, index: int) -> ITensor:
        return self._outputs[index]


class ParserError:
    def desc(self) -> str:
        return "no such operation"

    def node_name(self) -> str:
        return "/decoder/Odd"

    def node_operator(self) -> str:
        return "Odd"


class OnnxParser:
    def __init__(self, network: INetworkDefinition, logger: ILogger) -> None:
        self._network = network
        self._errors: list[ParserError] = []

    @property
    def num_errors(self) -> int:
        return len(self._errors)

    def get_error(self, index: int) -> ParserError:
        return self._errors[index]

    def parse_from_file(self, model: str) -> bool:
        if not isinstance(model, str):
            raise TypeError(model)
        graph = onnx.load(model).graph
        self._errors = [ParserError() for node in graph.node if node.op_type == "Odd"]
        names = {onnx.TensorProto.FLOAT: "FLOAT", onnx.TensorProto.FLOAT16: "HALF", onnx.TensorProto.INT64: "INT64"}

        def read(value: Any) -> ITensor:
            kind = value.type.tensor_type
            shape = tuple(size.dim_value if size.HasField("dim_value") else -1 for size in kind.shape.dim)
            return ITensor(value.name, shape, DataType[names[kind.elem_type]])

        self._network._inputs = [read(value) for value in graph.input]
        self._network._outputs = [read(value) for value in graph.output]
        return not self._errors


class IOptimizationProfile:
    def __init__(self) -> None:
        self._shapes: dict[str, list[tuple[int, ...]]] = {}

    def set_shape(self, input: str, min: tuple[int, ...], opt: tuple[int, ...], max: tuple[int, ...]) -> None:
        self._shapes[input] = [min, opt, max]


class IHostMemory(bytes):
    """Bytes, as the real one gives a buffer of them."""


class ITimingCache:
    def __init__(self, known: bytes) -> None:
        self._known = known

    def serialize(self) -> IHostMemory:
        return IHostMemory(self._known + b"timed;")


class IBuilderConfig:
    profiling_verbosity = ProfilingVerbosity.LAYER_NAMES_ONLY

    def __init__(self) -> None:
        self._flags = {BuilderFlag.TF32}
        self._profile: IOptimizationProfile | None = None
        self._cache: ITimingCache | None = None

    def clear_flag(self, flag: BuilderFlag) -> None:
        calls.append(f"clear {flag.name}")
        self._flags.discard(flag)

    def get_flag(self, flag: BuilderFlag) -> bool:
        return flag in self._flags

    def add_optimization_profile(self, profile: IOptimizationProfile) -> int:
        self._profile = profile
        return 0

    def create_timing_cache(self, serialized_timing_cache: bytes) -> ITimingCache:
        return ITimingCache(serialized_timing_cache)

    def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> bool:
        self._cache = cache
        return not ignore_mismatch and cache._known != b"another GPU's"

    def get_timing_cache(self) -> ITimingCache | None:
        return self._cache


class Builder:
    def __init__(self, logger: ILogger) -> None:
        self._logger = logger

    def create_network(self, flags: int) -> INetworkDefinition:
        calls.append(f"network {flags}")
        return INetworkDefinition()

    def create_builder_config(self) -> IBuilderConfig:
        return IBuilderConfig()

    def create_optimization_profile(self) -> IOptimizationProfile:
        return IOptimizationProfile()

    def build_serialized_network(self, network: INetworkDefinition, config: IBuilderConfig) -> IHostMemory | None:
        calls.append(f"verbosity {config.profiling_verbosity.name}")
        open_inputs = [tensor.name for tensor in network._inputs if -1 in tensor.shape]
        known = config._profile._shapes if config._profile else {}
        if missing := [name for name in open_inputs if name not in known]:
            self._logger.log(ILogger.Severity.ERROR, f"no profile for {missing}")
            return None
        plan = {
            "inputs": [[tensor.name, tensor.shape, tensor.dtype.name] for tensor in network._inputs],
            "outputs": [[tensor.name, tensor.shape, tensor.dtype.name] for tensor in network._outputs],
            "profile": known,
        }
        return IHostMemory(json.dumps(plan).encode())


class IExecutionContext:
    def __init__(self, engine: "ICudaEngine") -> None:
        self._engine = engine
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._addresses: dict[str, int] = {}

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        least, _, most = self._engine._profile.get(name, [self._engine._tensors[name][0]] * 3)
        fits = len(shape) == len(least) and all(a <= b <= c for a, b, c in zip(least, shape, most, strict=True))
        if not fits:
            self._engine._logger.log(ILogger.Severity.ERROR, "not in the profile")
        elif self._shapes.get(name) != shape:
            self._shapes[name] = shape
        return fits

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        if name in self._shapes:
            return self._shapes[name]
        # Batches are the first size, and tokens the second of whatever has them.
        first = next(iter(self._shapes.values()))
        tokens = next((shape[1] for shape in self._shapes.values() if len(shape) == 2), -1)
        given = self._engine._tensors[name][0]
        return tuple((first[0] if place == 0 else tokens) if size == -1 else size for place, size in enumerate(given))

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        total = sum(float(self._at(name).sum()) for name in self._engine._inputs)
        for name in self._engine._outputs:
            self._at(name)[...] = total
        return True

    def _at(self, name: str) -> np.ndarray:
        dtype, shape = np.dtype(TYPES[self._engine._tensors[name][1]]), self.get_tensor_shape(name)
        size = int(np.prod(shape)) * dtype.itemsize
        memory = (ctypes.c_ubyte * size).from_address(self._addresses[name])
        return np.ctypeslib.as_array(memory).view(dtype).reshape(shape)


class EngineInspector:
    def get_engine_information(self, format: LayerInformationFormat) -> str:
        return json.dumps({"Layers": [format.name]})


class ICudaEngine:
    num_io_tensors = 0
    num_layers = 7
    device_memory_size_v2 = 3 * 2**20

    def __init__(self, plan: dict[str, Any], logger: Any) -> None:
        self._logger = logger
        self._profile = {name: [tuple(shape) for shape in shapes] for name, shapes in plan["profile"].items()}
        self._inputs = [name for name, _, _ in plan["inputs"]]
        self._outputs = [name for name, _, _ in plan["outputs"]]
        self._tensors = {name: (tuple(shape), kind) for name, shape, kind in [*plan["inputs"], *plan["outputs"]]}
        self.num_io_tensors = len(self._tensors)

    def get_tensor_name(self, index: int) -> str:
        return [*self._tensors][index]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return TensorIOMode.INPUT if name in self._inputs else TensorIOMode.OUTPUT

    def get_tensor_dtype(self, name: str) -> DataType:
        return DataType[self._tensors[name][1]]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self._tensors[name][0]

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[tuple[int, ...]]:
        return self._profile[name]

    def create_execution_context(self) -> IExecutionContext:
        return IExecutionContext(self)

    def create_engine_inspector(self) -> EngineInspector:
        return EngineInspector()


class Runtime:
    def __init__(self, logger: ILogger) -> None:
        self._logger = logger

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> ICudaEngine | None:
        if not serialized_engine.startswith(b"{"):
            self._logger.log(ILogger.Severity.ERROR, "Version tag does not match")
            return None
        return ICudaEngine(json.loads(serialized_engine), self._logger)


def captioning_model(folder: Path, operation: str = "Identity") -> Path:
    """An ONNX folder with a captioning step's inputs and output, and nothing that computes it."""
    from onnx import TensorProto, helper

    inputs = [
        helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["batch", 3, 8, 8]),
        helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"]),
        helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ["batch", "tokens"]),
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "tokens", 50])]
    node = helper.make_node(operation, ["pixel_values"], ["unused"])
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(helper.make_graph([node], "blip", inputs, outputs)), folder / "model.onnx")
    return folder
