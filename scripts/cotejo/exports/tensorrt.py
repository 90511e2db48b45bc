"""TensorRT engines, built from ONNX on the machine that they are for, by TensorRT's own Python API.

Networks are strongly typed: they compute in the types that the ONNX graph has, fp16 where that is the fp16 export, int8
where its Q/DQ nodes say so. Nothing is calibrated or lowered here, so that the parity gate judges one change at a time.
TF32 is off: it would make fp32 something else than the precision's name says.
"""

import re
import time
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from cotejo.backends.tensorrt_engine import FACTS, PLAN, Engine, machine, make_logger
from cotejo.cache import cache_folder
from cotejo.exports import onnx
from cotejo.exports.tensorrt_profile import Shape, profile
from cotejo.exports.weights import Weight
from cotejo.files import read_json, replacing, sha256_of, write_json

PRECISIONS = onnx.PRECISIONS
ARCHITECTURES = tuple(PRECISIONS)
DISTRIBUTIONS = ("tensorrt-cu13", "tensorrt-cu12", "cuda-bindings", "onnx")
SOURCE = "onnx"
STACK = "tensorrt"
OF_MACHINE = True

MODEL = "model.onnx"
LAYERS = "layers.json"


def export(model_folder: Path, output: Path, architecture: str, precision: str, source: Path) -> None:
    """model.plan from model.onnx of the folder `source`; engine.json, how and on what it was built; and layers.json,
    what TensorRT made of the graph, in its own words.
    """
    import tensorrt

    here = machine()
    logger = make_logger()
    builder = tensorrt.Builder(logger)
    network = builder.create_network(1 << int(tensorrt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parse(tensorrt.OnnxParser(network, logger), source / MODEL)
    config = builder.create_builder_config()
    config.clear_flag(tensorrt.BuilderFlag.TF32)
    config.profiling_verbosity = tensorrt.ProfilingVerbosity.DETAILED  # which layers.json is made of
    inputs = {tensor.name: profile(tuple(tensor.shape)) for tensor in _tensors(network, "input")}
    _add_profile(builder, config, inputs)
    known_bytes = _use_timing_cache(config, here)
    begun_s = time.monotonic()
    plan = builder.build_serialized_network(network, config)
    build_s = time.monotonic() - begun_s
    if plan is None:
        raise RuntimeError(f"TensorRT built no engine: {logger.errors[-1] if logger.errors else 'it does not say why'}")
    (output / PLAN).write_bytes(plan)
    _save_timing_cache(config, here)
    (output / LAYERS).write_text(_layers(output / PLAN, logger), encoding="utf-8")
    facts = {
        **here,
        "architecture": architecture,
        "precision": precision,
        "onnx": sha256_of(source / MODEL),
        "inputs": [_described(tensor, profile=inputs[tensor.name]) for tensor in _tensors(network, "input")],
        "outputs": [_described(tensor) for tensor in _tensors(network, "output")],
        "flags": ["STRONGLY_TYPED", *(flag for flag in tensorrt.BuilderFlag.__members__ if _is_set(config, flag))],
        "build_s": build_s,
        "timing_cache_bytes": known_bytes,
        "weights": [vars(weight) for weight in onnx.weights(source)],
    }
    write_json(output / FACTS, facts)


def parse(parser: Any, model: Path) -> None:
    """Have a graph read into a parser's network; ValueError with all that it objects to."""
    if not parser.parse_from_file(str(model)):
        errors = [parser.get_error(index) for index in range(parser.num_errors)]
        told = "; ".join(f"{error.node_operator()} {error.node_name()}: {error.desc()}" for error in errors)
        raise ValueError(f"{model.name}: TensorRT can't read it: {' '.join(told.split())}")


def _add_profile(builder: Any, config: Any, inputs: Mapping[str, tuple[Shape, ...] | None]) -> None:
    given = {name: shapes for name, shapes in inputs.items() if shapes}
    if not given:
        return
    allowed = builder.create_optimization_profile()
    for name, (least, best, largest) in given.items():
        allowed.set_shape(name, least, best, largest)
    if config.add_optimization_profile(allowed) < 0:
        raise ValueError(f"TensorRT refuses the shapes {given}")


def timing_cache(here: Mapping[str, Any]) -> Path:
    """Where what TensorRT has timed on this kind of GPU, by this version and driver, is kept for the next build."""
    key = "-".join(str(here[part]) for part in ("gpu", "tensorrt", "driver"))
    return cache_folder() / "tensorrt" / f"{re.sub('[^A-Za-z0-9.]+', '-', key)}.timing"


def _use_timing_cache(config: Any, here: Mapping[str, Any]) -> int:
    """Give a builder what earlier builds have timed; how many bytes that is."""
    file = timing_cache(here)
    known = file.read_bytes() if file.is_file() else b""
    if not config.set_timing_cache(config.create_timing_cache(known), ignore_mismatch=False):
        raise ValueError(f"{file}: TensorRT doesn't take it for this GPU. Delete it, then run the same command again")
    return len(known)


def _save_timing_cache(config: Any, here: Mapping[str, Any]) -> None:
    """Keep what is timed now; of two builds at once, the last one's."""
    file = timing_cache(here)
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as temporary:
        temporary.write_bytes(config.get_timing_cache().serialize())


def _layers(plan: Path, logger: Any) -> str:
    """JSON with every layer of an engine, its precisions among what it tells."""
    import tensorrt

    engine = tensorrt.Runtime(logger).deserialize_cuda_engine(plan.read_bytes())
    found: str = engine.create_engine_inspector().get_engine_information(tensorrt.LayerInformationFormat.JSON)
    return found


def _tensors(network: Any, kind: str) -> Iterator[Any]:
    for index in range(getattr(network, f"num_{kind}s")):
        yield getattr(network, f"get_{kind}")(index)


def _described(tensor: Any, **more: Any) -> dict[str, Any]:
    return {"name": tensor.name, "type": tensor.dtype.name, "sizes": [*tensor.shape], **more}


def _is_set(config: Any, flag: str) -> bool:
    import tensorrt

    return bool(config.get_flag(getattr(tensorrt.BuilderFlag, flag)))


def outputs(export_folder: Path, architecture: str, inputs: list[dict[str, np.ndarray]]) -> list[dict[str, np.ndarray]]:
    """In the engine's own precision: TensorRT has no other."""
    engine = Engine(export_folder)
    answers: list[dict[str, np.ndarray]] = import_module(f"cotejo.exports.onnx_{architecture}").outputs(
        Session(engine), inputs
    )
    return answers


class Session:
    """An engine that answers as ONNX Runtime's session does, as far as the gate asks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def run(self, names: list[str] | None, given: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        found = self._engine.infer(given)
        return [found[name] for name in names or self._engine.outputs]


def weights(export_folder: Path) -> list[Weight]:
    """Those of the graph that it was built from, whose types a strongly typed network keeps; TensorRT doesn't tell of
    what became of each.
    """
    return [Weight(**{**told, "shape": tuple(told["shape"])}) for told in read_json(export_folder / FACTS)["weights"]]
