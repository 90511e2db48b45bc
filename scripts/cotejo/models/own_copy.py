"""A copy of a model of the user's own, laid out as other model folders are, once it has all tensors of its kind."""

import re
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cotejo.disk import require_free
from cotejo.errors import CotejoError
from cotejo.files import read_json, remove, replacing, sha256_of, write_json
from cotejo.models import architecture, manifest, own, pickled
from cotejo.models.configuration import spelled_out
from cotejo.models.own_check import INDEX, check_folder, headers, weight_files
from cotejo.models.synthetic import count_parameters

# safetensors' names of the data types that a config.json has other names for.
DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
# Names that transformers 5 gives tensors which the hub's files, and all that read those, call otherwise.
RENAMED = ((r"^model\.", ""), (r"\.LayerNorm\.gamma$", ".LayerNorm.weight"), (r"\.LayerNorm\.beta$", ".LayerNorm.bias"))
# What transformers 5 writes into processor_config.json, and others into preprocessor_config.json.
PROCESSORS = ("image_processor", "feature_extractor")


def copy_model(model: str, entry: dict[str, Any], sha256: str | None, output: Path) -> None:
    """Fill the model folder `output` from the entry's folder.

    `sha256` is the content digest that the folder's files must have; None: whatever they have. CotejoError where the
    folder doesn't hold the model, or has changed.
    """
    check_folder(model, entry)
    folder, stamps = own.folder_of(model, entry), own.stamps(model, entry)
    output.parent.mkdir(parents=True, exist_ok=True)
    require_free(output.parent, sum(size for _, size, *_ in stamps))
    with replacing(output) as target:
        target.mkdir()
        for name, *_ in stamps:
            shutil.copyfile(folder / name, target / name)
        content = own.content_digest({name: sha256_of(target / name) for name, *_ in stamps})
        if content != (sha256 or content):
            raise CotejoError(
                f"{own.place(model, entry)}: has changed since this workflow began. Let it be while models are copied, "
                "and run the same command again"
            )
        noted = {"folder": entry["folder"], "sha256": content, "stamps": stamps}
        if entry["architecture"] == "yolo":
            config = entry["full"]
            _convert(model, entry, target, stamps[0][0])
        else:
            noted["config"] = read_json(target / "config.json")
            config = _complete(model, entry, target)
        parameters = _check_tensors(model, entry, config, target)
        write_json(target / own.ORIGIN, noted)
        manifest.write(target, model, entry, own.WEIGHTS, "full", {"sha256": content}, parameters)


def _convert(model: str, entry: Mapping[str, Any], target: Path, name: str) -> None:
    """An ultralytics checkpoint as safetensors; CotejoError where it knows other classes than the entry says."""
    try:
        pickled.convert_ultralytics(target / name, entry["full"], target)
    except CotejoError as error:
        raise CotejoError(f"{own.place(model, entry)}: {error}") from error
    remove(target / name)
    classes = len(read_json(target / "config.json")["names"])
    if classes != entry["full"]["classes"]:
        raise CotejoError(
            f"config/models.yaml: {model}.full.classes: {entry['full']['classes']}: {name} knows {classes} classes. "
            "Correct it"
        )


def _complete(model: str, entry: Mapping[str, Any], target: Path) -> dict[str, Any]:
    """Write out what the folder's files leave open, and return what shapes the network."""
    given = read_json(target / "config.json")
    try:
        config = spelled_out(entry["architecture"], given)
    except CotejoError as error:
        raise CotejoError(f"{own.place(model, entry)}: {error}") from error
    files = weight_files(path.name for path in target.iterdir())
    kinds = Counter(tensor["dtype"] for tensor in headers(target, files).values()).most_common(1)
    config["torch_dtype"] = DTYPES.get(kinds[0][0]) if kinds else None
    if config["torch_dtype"] is None:
        raise CotejoError(
            f"{own.place(model, entry)}: {files[0]}: holds {kinds[0][0] if kinds else 'no tensors'}. Save the model as "
            f"{', '.join(DTYPES.values())}: `model.to(torch.float16).save_pretrained(…)`"
        )
    config["dtype"] = config["torch_dtype"]
    write_json(target / "config.json", config)
    separate = target / "preprocessor_config.json"
    if not separate.exists() and (target / "processor_config.json").exists():
        whole = read_json(target / "processor_config.json")
        part = next((whole[name] for name in PROCESSORS if name in whole), None)
        if part:
            write_json(separate, {**part, "processor_class": whole["processor_class"]})
    return own.shaping(config)


def _check_tensors(model: str, entry: Mapping[str, Any], config: dict[str, Any], target: Path) -> int:
    """How many parameters the model has; CotejoError where its files lack a tensor, which would be made up at random.

    Those that the architecture doesn't read are only told of: they change nothing that is measured.
    """
    try:
        shapes = architecture(entry["architecture"]).tensors(config)
    except CotejoError as error:
        raise CotejoError(f"{own.place(model, entry)}: config.json: {error}") from error
    files = weight_files(path.name for path in target.iterdir())
    found = {name: tuple(told["shape"]) for name, told in headers(target, files).items()}
    renamed = {name: usual for name in found if name not in shapes and (usual := _usual(name)) in shapes}
    if renamed:
        _rename(target, files, renamed)
        found = {renamed.get(name, name): shape for name, shape in found.items()}
    missing = [name for name in shapes if name not in found]
    if missing:
        raise CotejoError(
            f"{own.place(model, entry)}: {missing[0]}: lacks this tensor and {len(missing) - 1} others of the "
            f"{len(shapes)} that {entry['architecture']} has; such as {min(found, default='none')} are there. Save the "
            "whole model, head included"
        )
    for name, (shape, _) in shapes.items():
        if found[name] != shape:
            raise CotejoError(
                f"{own.place(model, entry)}: {name}: of shape {found[name]}, where config.json makes it {shape}. Save "
                "model and configuration together"
            )
    unread = sorted(found.keys() - shapes.keys())
    if unread:
        print(f"not read, for {entry['architecture']} has no such tensor: {', '.join(unread)}")
    return count_parameters(shapes)


def _usual(name: str) -> str:
    for pattern, usual in RENAMED:
        name = re.sub(pattern, usual, name)
    return name


def _rename(target: Path, files: list[str], names: Mapping[str, str]) -> None:
    """Give tensors other names in their files, one file in memory at a time, and in the index where there is one."""
    from safetensors.torch import load_file

    for file in files:
        tensors = {names.get(name, name): values for name, values in load_file(target / file).items()}
        pickled.write(tensors, target / file)
    if (target / INDEX).exists():
        index = read_json(target / INDEX)
        index["weight_map"] = {names.get(name, name): file for name, file in index["weight_map"].items()}
        write_json(target / INDEX, index)
