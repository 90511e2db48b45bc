"""Llama: a decoder of text (Llama 2, TinyLlama, Vicuna, OpenLLaMA)."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cotejo.files import read_json
from cotejo.models import huggingface, tokenizers
from cotejo.models.generator import Initial, Shapes
from cotejo.models.generator import initial as default_initial

if TYPE_CHECKING:
    import torch

SPECIAL = ["<unk>", "<s>", "</s>"]
# As Llama 2's own: system and user turns in [INST] marks, one after another.
CHAT_TEMPLATE = (
    "{% if messages[0]['role'] == 'system' %}"
    "{% set system = '<<SYS>>\\n' + messages[0]['content'] + '\\n<</SYS>>\\n\\n' %}{% set turns = messages[1:] %}"
    "{% else %}{% set system = '' %}{% set turns = messages %}{% endif %}"
    "{% for message in turns %}"
    "{% if message['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + (system if loop.first else '') + message['content'] + ' [/INST]' }}"
    "{% else %}{{ ' ' + message['content'] + ' ' + eos_token }}{% endif %}"
    "{% endfor %}"
)


def tensors(config: dict[str, Any]) -> Shapes:
    from transformers import LlamaForCausalLM

    return huggingface.shapes(LlamaForCausalLM, config)


def initial(name: str, shape: tuple[int, ...], config: dict[str, Any]) -> Initial:
    return default_initial(name, shape)


def write_processor(config: dict[str, Any], folder: Path) -> None:
    huggingface.write_configs(
        folder,
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", **config},
        {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "do_sample": False},
    )
    write_tokenizer(folder, config["vocab_size"], config["max_position_embeddings"], [], CHAT_TEMPLATE)


def write_tokenizer(folder: Path, vocabulary: int, longest: int, added: list[str], chat_template: str) -> None:
    """A byte-level BPE tokenizer of `vocabulary` tokens, Llama's three special ones first, `added` ones after it."""
    table = tokenizers.first_ranks(vocabulary - len(SPECIAL))
    tokenizer = tokenizers.byte_level(table, SPECIAL)
    tokenizer.add_special_tokens(tokenizers.special([*SPECIAL, *added]))
    tokenizers.surround(tokenizer, before="<s>")
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "pad_token": "<pad>" if "<pad>" in added else "<unk>",
        "model_max_length": longest,
        "padding_side": "left",
        "clean_up_tokenization_spaces": False,
        "chat_template": chat_template,
    }
    tokenizers.save(tokenizer, folder, settings)


def load(folder: Path, dtype: str = "float32", device_map: huggingface.DeviceMap | None = None) -> "torch.nn.Module":
    from transformers import LlamaForCausalLM

    return huggingface.load(LlamaForCausalLM, folder, dtype, device_map)


def skeleton(folder: Path, dtype: str) -> "torch.nn.Module":
    from transformers import LlamaForCausalLM

    return huggingface.skeleton(LlamaForCausalLM, folder, dtype)


def parity_inputs(folder: Path, seed: int) -> list[dict[str, np.ndarray]]:
    """Three prompts of random tokens: input_ids, attention_mask and position_ids, each int64 [1, tokens]."""
    vocabulary = read_json(folder / "config.json")["vocab_size"]
    random = np.random.default_rng(seed)
    return [
        {
            "input_ids": random.integers(len(SPECIAL), vocabulary, size=(1, length), dtype=np.int64),
            "attention_mask": np.ones((1, length), dtype=np.int64),
            "position_ids": np.arange(length, dtype=np.int64)[None],
        }
        for length in (1, 16, 64)
    ]


def reference_outputs(model: "torch.nn.Module", inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """{"logits": float32 [1, tokens, vocabulary]}."""
    import torch

    with torch.inference_mode():
        output = model(**{name: torch.from_numpy(values) for name, values in inputs.items()}, use_cache=False)
    return {"logits": output.logits.float().numpy()}
