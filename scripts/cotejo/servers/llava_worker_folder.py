"""A LLaVA-1.5 model in the layout of its authors' own code, from the one of transformers that Cotejo keeps.

The same weights under other names: the decoder and the projector in one model, the vision tower as a CLIP model in a
folder of its own. The vocabulary ends where transformers' added tokens begin, as in the authors' files. Images are
cropped to a square as the model's folder says, not padded as the authors' configuration has it: the same work.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from cotejo.files import read_json, write_json
from cotejo.servers import generation

CLIP = "clip"
INDEX = "model.safetensors.index.json"
RENAMED = (
    (r"^language_model\.", ""),
    (r"^multi_modal_projector\.linear_1\.", "model.mm_projector.0."),
    (r"^multi_modal_projector\.linear_2\.", "model.mm_projector.2."),
)
VISION = "vision_tower."
OVER_VOCABULARY = ("model.embed_tokens.weight", "lm_head.weight")

TEXT_KEYS = (
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
    "max_position_embeddings", "rms_norm_eps", "hidden_act", "tie_word_embeddings",
    "bos_token_id", "eos_token_id",
)  # fmt: skip
VISION_KEYS = (
    "hidden_size", "intermediate_size", "projection_dim", "num_hidden_layers", "num_attention_heads", "image_size",
    "patch_size", "hidden_act", "layer_norm_eps",
)  # fmt: skip


def write(model_folder: Path, folder: Path, new_tokens: int) -> None:
    """Fill `folder` from a model folder in transformers' layout; every answer is to have `new_tokens` tokens."""
    vocabulary = read_json(model_folder / "config.json")["image_token_index"]
    (folder / CLIP).mkdir(parents=True)
    _write_configs(model_folder, folder, vocabulary)
    write_json(folder / generation.NAME, generation.exactly(model_folder, new_tokens))
    shutil.copyfile(model_folder / "preprocessor_config.json", folder / CLIP / "preprocessor_config.json")
    write_tokenizer(model_folder, folder, vocabulary)
    _write_weights(model_folder, folder, vocabulary)


def _write_configs(model_folder: Path, folder: Path, vocabulary: int) -> None:
    from transformers import LlavaConfig

    # A published file leaves out what is transformers' default.
    config = LlavaConfig.from_pretrained(model_folder, local_files_only=True).to_dict()
    text, vision = config["text_config"], config["vision_config"]
    strategy = config["vision_feature_select_strategy"]
    write_json(folder / CLIP / "config.json", {"model_type": "clip_vision_model"} | _picked(vision, VISION_KEYS))
    write_json(
        folder / "config.json",
        {
            "architectures": ["LlavaLlamaForCausalLM"],
            "model_type": "llava_llama",
            **_picked(text, TEXT_KEYS),
            "rope_theta": text["rope_parameters"]["rope_theta"],
            "vocab_size": vocabulary,
            "pad_token_id": 0,
            "mm_vision_tower": CLIP,
            "mm_hidden_size": vision["hidden_size"],
            "mm_projector_type": "mlp2x_gelu",
            "mm_vision_select_layer": config["vision_feature_layer"],
            "mm_vision_select_feature": "patch" if strategy == "default" else "cls_patch",
            "mm_use_im_start_end": False,
            "mm_use_im_patch_token": False,
            "use_mm_proj": True,
        },
    )


def _picked(config: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: config[key] for key in keys}


def write_tokenizer(model_folder: Path, folder: Path, vocabulary: int) -> None:
    """The tokenizer without the tokens from `vocabulary` on, as tokenizers 0.15 reads it."""
    settings = read_json(model_folder / "tokenizer_config.json")
    added = settings.get("added_tokens_decoder", {})
    settings |= {"added_tokens_decoder": {key: token for key, token in added.items() if int(key) < vocabulary}}
    for name in ("extra_special_tokens", "processor_class", "image_token", "chat_template", "pad_token"):
        settings.pop(name, None)
    write_json(folder / "tokenizer_config.json", settings | {"pad_token": settings["unk_token"]})
    pieces = model_folder / "tokenizer.model"
    if pieces.is_file():
        shutil.copyfile(pieces, folder / pieces.name)
        return
    tokenizer = read_json(model_folder / "tokenizer.json")
    tokenizer["added_tokens"] = [token for token in tokenizer["added_tokens"] if token["id"] < vocabulary]
    merges = tokenizer["model"]["merges"]
    tokenizer["model"]["merges"] = [pair if isinstance(pair, str) else " ".join(pair) for pair in merges]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")


def _write_weights(model_folder: Path, folder: Path, vocabulary: int) -> None:
    """File by file: of the largest models one holds 5 GB."""
    from safetensors.torch import load_file, save_file

    places: dict[Path, dict[str, str]] = {folder: {}, folder / CLIP: {}}
    for source in sorted(model_folder.glob("*.safetensors")):
        tensors = load_file(source)
        vision = {name.removeprefix(VISION): tensor for name, tensor in tensors.items() if name.startswith(VISION)}
        others = {worker_name(name): tensor for name, tensor in tensors.items() if not name.startswith(VISION)}
        for name in OVER_VOCABULARY:
            if name in others:
                others[name] = others[name][:vocabulary].contiguous()
        for place, part in ((folder, others), (folder / CLIP, vision)):
            if part:
                save_file(part, place / source.name, metadata={"format": "pt"})
                places[place] |= dict.fromkeys(part, source.name)
    for place, files in places.items():
        if set(files.values()) != {"model.safetensors"}:
            write_json(place / INDEX, {"metadata": {}, "weight_map": files})


def worker_name(name: str) -> str:
    """A tensor's name in the authors' layout."""
    for pattern, replacement in RENAMED:
        name, changed = re.subn(pattern, replacement, name)
        if changed:
            break
    return name
