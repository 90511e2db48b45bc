"""T5: text to text, the model of the training studies."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cotejo.files import read_json
from cotejo.models import huggingface, tokenizers
from cotejo.models.generator import Initial, Shapes, Uniform
from cotejo.models.generator import initial as default_initial

if TYPE_CHECKING:
    import torch

SPECIAL = ["<pad>", "</s>", "<unk>"]
SENTINELS = [f"<extra_id_{place}>" for place in range(99, -1, -1)]  # T5 numbers them from the end


def tensors(config: dict[str, Any]) -> Shapes:
    from transformers import T5ForConditionalGeneration

    return huggingface.shapes(T5ForConditionalGeneration, config)


def initial(name: str, shape: tuple[int, ...], config: dict[str, Any]) -> Initial:
    """As T5 begins: attention is not divided by √d_kv but its queries are, and the tied embedding has unit variance
    since the decoder's output is divided by √d_model before it meets it."""
    if name == "shared.weight":
        return Uniform(1.0)
    if name.endswith(".q.weight"):
        return Uniform(1 / math.sqrt(config["d_model"] * config["d_kv"]))
    return default_initial(name, shape)


def write_processor(config: dict[str, Any], folder: Path) -> None:
    huggingface.write_configs(
        folder,
        {"architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "is_encoder_decoder": True} | config,
        {"decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": 0, "do_sample": False},
    )
    # The hub's tokenizer has 32,100 tokens too; the embedding is rounded up to a multiple of 128.
    table = tokenizers.first_ranks(32100 - len(SPECIAL) - len(SENTINELS))
    tokenizer = tokenizers.byte_level(table, SPECIAL)
    tokenizer.add_special_tokens(tokenizers.special([*SPECIAL, *SENTINELS]))
    tokenizers.surround(tokenizer, after="</s>")
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "additional_special_tokens": SENTINELS[::-1],
        "model_max_length": config["n_positions"],
        "clean_up_tokenization_spaces": False,
    }
    tokenizers.save(tokenizer, folder, settings)


def load(folder: Path, dtype: str = "float32") -> "torch.nn.Module":
    from transformers import T5ForConditionalGeneration

    return huggingface.load(T5ForConditionalGeneration, folder, dtype)


def parity_inputs(folder: Path, seed: int) -> list[dict[str, np.ndarray]]:
    """Two pairs of random texts: input_ids, attention_mask and decoder_input_ids, each int64 [1, tokens]."""
    config = read_json(folder / "config.json")
    random = np.random.default_rng(seed)
    pairs = []
    for source, target in ((16, 1), (48, 12)):
        begun = random.integers(3, 32000, size=(1, target), dtype=np.int64)
        begun[:, 0] = config["decoder_start_token_id"]
        ids = random.integers(3, 32000, size=(1, source), dtype=np.int64)
        pairs.append({"input_ids": ids, "attention_mask": np.ones_like(ids), "decoder_input_ids": begun})
    return pairs


def reference_outputs(model: "torch.nn.Module", inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """{"logits": float32 [1, target tokens, vocabulary]}."""
    import torch

    with torch.inference_mode():
        output = model(**{name: torch.from_numpy(values) for name, values in inputs.items()}, use_cache=False)
    return {"logits": output.logits.float().numpy()}
