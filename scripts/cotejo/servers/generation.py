"""generation_config.json: how a server of transformers answers where a request doesn't say, or can't."""

from pathlib import Path
from typing import Any

from cotejo.files import read_json

NAME = "generation_config.json"
SPECIAL = ("bos_token_id", "eos_token_id", "pad_token_id")


def exactly(model_folder: Path, new_tokens: int) -> dict[str, Any]:
    """Greedy, with the model's own special tokens, of which none ends an answer before `new_tokens`.

    A published model's own file may ask for sampling, and answers would end wherever the model ends them.
    """
    file = model_folder / NAME
    said = read_json(file if file.is_file() else model_folder / "config.json")
    special = {name: said[name] for name in SPECIAL if name in said}
    return special | {"do_sample": False, "min_new_tokens": new_tokens, "max_new_tokens": new_tokens}
