"""A model with made-up weights: the real architecture, tokenizer and file layout, in bounded memory."""

import math
from pathlib import Path
from typing import Any

from cotejo.disk import require_free
from cotejo.errors import CotejoError
from cotejo.files import write_json
from cotejo.models import architecture, manifest
from cotejo.models.catalogue import config_at
from cotejo.models.configuration import spelled_out
from cotejo.models.generator import BUFFERS, Shapes
from cotejo.models.generator import NAME as GENERATOR
from cotejo.models.generator import tensor as made_up
from cotejo.models.own import is_own, shaping

SHARD_BYTES = 1 << 30
BYTES = {"float64": 8, "int64": 8, "float32": 4, "bfloat16": 2, "float16": 2}


def write_model(folder: Path, model: str, entry: dict[str, Any], scale: str, seed: int, headers_only: bool) -> None:
    """Fill a model folder; with `headers_only` all but the weights, and plan.json instead of model.json."""
    if is_own(entry):
        entry = entry | {"full": shaping(spelled_out(entry["architecture"], entry["full"]))}
    config = config_at(entry, scale)
    kind = architecture(entry["architecture"])
    shapes: Shapes = kind.tensors(config)
    parameters = count_parameters(shapes)
    if scale == "full" and not is_own(entry) and parameters != entry["parameters"]:
        raise CotejoError(
            f"config/models.yaml: {model}.parameters: {entry['parameters']}: the architecture under `full` has "
            f"{parameters}. Correct whichever is wrong"
        )
    folder.mkdir(parents=True)
    kind.write_processor(config, folder)
    shards = plan_shards(shapes)
    if len(shards) > 1:
        write_json(folder / "model.safetensors.index.json", index_of(shards, shapes))
    if headers_only:
        write_json(folder / "plan.json", {"model": model, "scale": scale, "parameters": parameters, "shards": shards})
        return
    require_free(folder, sum(bytes_of(*shape) for shape in shapes.values()))
    for name, tensors in shards.items():
        write_shard(folder / name, {tensor: shapes[tensor] for tensor in tensors}, kind, config, seed)
    source = {"generator": GENERATOR, "seed": seed}
    manifest.write(folder, model, entry, "synthetic", scale, source, parameters)


def write_shard(path: Path, shapes: Shapes, kind: Any, config: dict[str, Any], seed: int) -> None:
    """Draw the tensors of one shard and write them as safetensors; nothing of them stays in memory."""
    from safetensors.torch import save_file

    weights = {
        name: made_up(seed, name, shape, dtype, kind.initial(name, shape, config))
        for name, (shape, dtype) in shapes.items()
    }
    save_file(weights, path, metadata={"format": "pt"})
    path.chmod(0o644)  # safetensors lets nobody but the owner read, and model folders are shared


def plan_shards(shapes: Shapes, limit: int = SHARD_BYTES) -> dict[str, list[str]]:
    """{file: tensors}: tensors in their order, a new file where the next would pass `limit` bytes."""
    groups: list[list[str]] = [[]]
    used = 0
    for name in shapes:
        size = bytes_of(*shapes[name])
        if groups[-1] and used + size > limit:
            groups.append([])
            used = 0
        groups[-1].append(name)
        used += size
    if len(groups) == 1:
        return {"model.safetensors": groups[0]}
    return {f"model-{place:05d}-of-{len(groups):05d}.safetensors": group for place, group in enumerate(groups, 1)}


def index_of(shards: dict[str, list[str]], shapes: Shapes) -> dict[str, Any]:
    """The content of model.safetensors.index.json."""
    return {
        "metadata": {"total_size": sum(bytes_of(*shape) for shape in shapes.values())},
        "weight_map": {tensor: name for name, tensors in shards.items() for tensor in tensors},
    }


def bytes_of(shape: tuple[int, ...], dtype: str) -> int:
    return math.prod(shape) * BYTES[dtype]


def count_parameters(shapes: Shapes) -> int:
    """How many numbers the model learns; running statistics of batch normalisation are not among them."""
    return sum(math.prod(shape) for name, (shape, _) in shapes.items() if not name.endswith(BUFFERS))
