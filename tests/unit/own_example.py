"""Folders of the user's as `save_pretrained` writes them, of a few bytes, and entries that name them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

CONFIG = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 3, "dtype": "float16"}
SMALL = {"hidden_size": 8}


def make_folder(folder: Path, config: Mapping[str, Any] = CONFIG, value: float = 1.0) -> Path:
    """A folder that looks like a language model's to whoever reads no weight."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file({"weight": np.full(4, value, dtype=np.float32)}, folder / "model.safetensors")
    for name in ("tokenizer.json", "tokenizer_config.json", "README.md"):
        (folder / name).write_text("{}")
    return folder


def entry_of(folder: Path, **more: Any) -> dict[str, Any]:
    """The least that an entry of config/models.yaml says of it."""
    return {"architecture": "llama", "task": "text-generation", "folder": str(folder), "licence": "MIT", **more}


def add_entry(config: Path, name: str, entry: Mapping[str, Any]) -> None:
    """Put an entry into a configuration's models.yaml."""
    with (config / "models.yaml").open("a") as stream:
        stream.write(f"\n{name}: {json.dumps(entry)}\n")
