"""GGUF files: written tensor by tensor, so that no more than one of them is in memory, and read."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

MODEL, PROJECTOR = "model.gguf", "mmproj.gguf"
# What stands for an image in a prompt; llama-server takes it from the variable LLAMA_MEDIA_MARKER.
MEDIA_MARKER = "<__media__>"

FILE_TYPES = {"fp32": "ALL_F32", "fp16": "MOSTLY_F16", "int8": "MOSTLY_Q8_0", "int4": "MOSTLY_Q4_0"}
MATRICES = {"fp32": "F32", "fp16": "F16", "int8": "Q8_0", "int4": "Q4_0"}
# What a table of embeddings and what gives the vocabulary's probabilities are stored as: llama.cpp's own int4 keeps
# more bits of them too.
VOCABULARY = MATRICES | {"int4": "Q8_0"}

Change = Callable[[np.ndarray], np.ndarray]


def unchanged(values: np.ndarray) -> np.ndarray:
    return values


@dataclass(frozen=True)
class Tensor:
    """A tensor of a GGUF file: its name there, its name in the model, the type it is stored as, and what is to be done
    to it first."""

    name: str
    source: str
    type: str
    change: Change = unchanged


class Weights:
    """The tensors of a folder's safetensors, by name, each read when it is asked for."""

    def __init__(self, folder: Path) -> None:
        from safetensors import safe_open

        self._files = [safe_open(path, framework="pt") for path in sorted(folder.glob("*.safetensors"))]
        self._where = {name: file for file in self._files for name in file.keys()}  # noqa: SIM118 (it's no dict)

    def __iter__(self) -> Iterator[str]:
        return iter(self._where)

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._where[name].get_slice(name).get_shape())

    def __getitem__(self, name: str) -> np.ndarray:
        values: np.ndarray = self._where[name].get_tensor(name).float().numpy()
        return values


def matrix(shape: Sequence[int], asked: str) -> str:
    """The type that a tensor of this shape is stored as: the one asked for, but for vectors, and for rows that no
    number of blocks of 32 fills."""
    if len(shape) < 2:
        return "F32"
    if asked in ("Q8_0", "Q4_0") and (shape[-1] % 32 or len(shape) > 2):
        return "F16"
    return asked


def write(
    path: Path,
    architecture: str,
    metadata: Callable[[Any], None],
    tensors: Sequence[Tensor],
    weights: Weights,
    precision: str,
) -> None:
    """Write a GGUF file: what `metadata` adds to a gguf.GGUFWriter, then the tensors in their order."""
    import gguf

    writer = gguf.GGUFWriter(path, architecture)
    metadata(writer)
    writer.add_file_type(gguf.LlamaFileType[FILE_TYPES[precision]])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    for tensor in tensors:
        kind, shape = gguf.GGMLQuantizationType[tensor.type], weights.shape(tensor.source)
        block, block_bytes = gguf.GGML_QUANT_SIZES[kind]
        writer.add_tensor_info(
            tensor.name, shape, np.dtype(np.float32), math.prod(shape) // block * block_bytes, raw_dtype=kind
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor in tensors:
        values = np.ascontiguousarray(tensor.change(weights[tensor.source]))
        writer.write_tensor_data(gguf.quants.quantize(values, gguf.GGMLQuantizationType[tensor.type]))
    writer.close()


def named(
    weights: Weights, names: Mapping[str, str], ignored: Sequence[str], other: Sequence[str] = ()
) -> Iterator[tuple[str, str]]:
    """(name in the GGUF file, name in the model) of every tensor that `names` ({pattern: pattern}) maps; ValueError for
    one that is neither mapped nor ignored nor begins with what another file holds."""
    for source in weights:
        for pattern, replacement in names.items():
            name, found = re.subn(f"^{pattern}$", replacement, source)
            if found:
                yield name, source
                break
        else:
            if not source.startswith(tuple(other)) and not any(re.fullmatch(pattern, source) for pattern in ignored):
                raise ValueError(f"{source}: {weights.shape(source)}: GGUF has no name for this tensor")


def stored(path: Path) -> list[Any]:
    """The tensors of a GGUF file (gguf.ReaderTensor: name, shape with the last dimension first, tensor_type, data)."""
    import gguf

    return list(gguf.GGUFReader(path).tensors)
