"""GGUF, what llama.cpp loads: model.gguf with the decoder and its vocabulary, and for LLaVA mmproj.gguf with the rest.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. At int8 the matrices are stored as Q8_0 (blocks of 32
weights, 8 bits each, and one scale), at int4 as Q4_0, of which the vocabulary's matrices stay at Q8_0.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np

from cotejo.exports.gguf_file import MODEL, stored
from cotejo.exports.weights import LEAST_ELEMENTS, Weight

PRECISIONS = {"llama": ("fp32", "fp16", "int8", "int4"), "llava": ("fp16", "int8")}
ARCHITECTURES = tuple(PRECISIONS)
DISTRIBUTIONS = ("gguf", "transformers", "tokenizers", "torch")

TYPES = {"F32": "f32", "F16": "f16", "BF16": "bf16", "Q8_0": "i8", "Q4_0": "i4"}
TABLES = ("token_embd.weight", "v.position_embd.weight")

# How many tokens of an input are compared; each depends on all before it.
LAST = 6

Outputs = dict[str, np.ndarray]


def export(model_folder: Path, output: Path, architecture: str, precision: str) -> None:
    _exporter_of(architecture).export(model_folder, output, precision)


def outputs(export_folder: Path, architecture: str, inputs: list[Outputs]) -> list[Outputs]:
    """{"logits": float32 [1, up to LAST tokens, vocabulary]} by llama-server, as `comparable` describes them."""
    from cotejo.exports.gguf_runtime import serving

    exporter = _exporter_of(architecture)
    with serving(export_folder) as server:
        return [{"logits": server.logits(exporter.prompts(server, given, LAST))[None]} for given in inputs]


def comparable(reference: Outputs) -> Outputs:
    """What llama-server can be asked of PyTorch's answer: one question for each token, so that it is the last LAST of
    an input's; and their logits less their mean over the vocabulary, for it tells probabilities alone."""
    logits = reference["logits"][:, -LAST:]
    return {"logits": logits - logits.mean(-1, keepdims=True)}


def weights(export_folder: Path) -> list[Weight]:
    """Every matrix and kernel; vectors (norms and biases) are always stored in float32."""
    found = []
    for path in sorted(export_folder.glob("*.gguf")):
        for tensor in stored(path):
            shape = tuple(map(int, reversed(tensor.shape)))
            if len(shape) > 1 and tensor.n_elements >= LEAST_ELEMENTS:
                kind = TYPES.get(tensor.tensor_type.name, tensor.tensor_type.name.lower())
                found.append(Weight(kind, shape, int(tensor.n_elements), tensor.name in TABLES))
    return found


def _exporter_of(architecture: str) -> ModuleType:
    return import_module(f"cotejo.exports.gguf_{architecture}")


__all__ = ["ARCHITECTURES", "DISTRIBUTIONS", "MODEL", "PRECISIONS", "comparable", "export", "outputs", "weights"]
