"""LLaVA-1.5: answers about an image, by a CLIP vision transformer, a projector and a Llama decoder."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cotejo.files import read_json, write_json
from cotejo.models import huggingface, llama
from cotejo.models.blip import PIXEL_MEAN, PIXEL_STD
from cotejo.models.generator import Initial, Shapes
from cotejo.models.generator import initial as default_initial

if TYPE_CHECKING:
    import torch

# transformers builds the model under newer names than the hub's files have, and translates when it loads them.
RENAMED = (
    (r"^model\.language_model\.", "language_model.model."),
    (r"^lm_head\.", "language_model.lm_head."),
    (r"^model\.", ""),
)
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'].upper() + ': ' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] if part['type'] == 'image' %}{{ '<image>\\n' }}{% endfor %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }}{% endfor %}"
    "{% endif %}{{ ' ' if message['role'] == 'user' else eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)


def full_config(config: dict[str, Any]) -> dict[str, Any]:
    """The catalogue's configuration with the model types transformers needs to build its two halves."""
    vision = {"model_type": "clip_vision_model"} | config["vision_config"]
    return config | {"vision_config": vision, "text_config": {"model_type": "llama"} | config["text_config"]}


def tensors(config: dict[str, Any]) -> Shapes:
    """The tensors under the hub's names."""
    from transformers import LlavaForConditionalGeneration

    shapes = huggingface.shapes(LlavaForConditionalGeneration, full_config(config))
    return {hub_name(name): shape for name, shape in shapes.items()}


def hub_name(name: str) -> str:
    for pattern, replacement in RENAMED:
        name, changed = re.subn(pattern, replacement, name)
        if changed:
            break
    return name


def initial(name: str, shape: tuple[int, ...], config: dict[str, Any]) -> Initial:
    return default_initial(name, shape)


def write_processor(config: dict[str, Any], folder: Path) -> None:
    vision, text = config["vision_config"], config["text_config"]
    ids = {"bos_token_id": text["bos_token_id"], "eos_token_id": text["eos_token_id"], "pad_token_id": 32001}
    huggingface.write_configs(
        folder,
        {"architectures": ["LlavaForConditionalGeneration"], "model_type": "llava"} | full_config(config),
        ids | {"do_sample": False},
    )
    image_token = config["image_token_index"]
    llama.write_tokenizer(folder, image_token, text["max_position_embeddings"], ["<image>", "<pad>"], CHAT_TEMPLATE)
    size = vision["image_size"]
    write_json(
        folder / "preprocessor_config.json",
        {
            "image_processor_type": "CLIPImageProcessor",
            "processor_class": "LlavaProcessor",
            "do_convert_rgb": True,
            "do_resize": True,
            "size": {"shortest_edge": size},
            "resample": 3,
            "do_center_crop": True,
            "crop_size": {"height": size, "width": size},
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": PIXEL_MEAN,
            "image_std": PIXEL_STD,
        },
    )
    write_json(
        folder / "processor_config.json",
        {
            "processor_class": "LlavaProcessor",
            "image_token": "<image>",
            "num_additional_image_tokens": 1,
            "patch_size": vision["patch_size"],
            "vision_feature_select_strategy": config["vision_feature_select_strategy"],
        },
    )
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")


def load(folder: Path, dtype: str = "float32", device_map: huggingface.DeviceMap | None = None) -> "torch.nn.Module":
    from transformers import LlavaForConditionalGeneration

    return huggingface.load(LlavaForConditionalGeneration, folder, dtype, device_map)


def skeleton(folder: Path, dtype: str) -> "torch.nn.Module":
    from transformers import LlavaForConditionalGeneration

    return huggingface.skeleton(LlavaForConditionalGeneration, folder, dtype)


def parity_inputs(folder: Path, seed: int) -> list[dict[str, np.ndarray]]:
    """An image of random pixels amid random words: input_ids and attention_mask, int64 [1, tokens], in which the image
    takes one token for each patch, and pixel_values, float32 [1, 3, size, size].

    Pixels are those of an image file, and words are tokens of their own in any text, so that a runtime that takes only
    files and texts computes the same.
    """
    config, settings = (read_json(folder / name) for name in ("config.json", "preprocessor_config.json"))
    size = config["vision_config"]["image_size"]
    random = np.random.default_rng(seed)
    image = np.full(config["image_seq_length"], config["image_token_index"])
    words = random.choice(whole_words(folder), size=24)
    ids = np.concatenate([[config["text_config"]["bos_token_id"]], words[:8], image, words[8:]]).astype(np.int64)[None]
    levels = random.integers(256, size=(3, size, size)) / 255
    mean, std = (np.array(settings[f"image_{name}"])[:, None, None] for name in ("mean", "std"))
    pixels = ((levels - mean) / std).astype(np.float32)[None]
    return [{"input_ids": ids, "attention_mask": np.ones_like(ids), "pixel_values": pixels}]


def whole_words(folder: Path) -> list[int]:
    """The ids of the tokens that are a space and a word, in whichever way a tokenizer writes the space."""
    vocabulary = read_json(folder / "tokenizer.json")["model"]["vocab"]
    return sorted(number for token, number in vocabulary.items() if re.fullmatch("[Ġ▁][a-z]{3,}", token))


def reference_outputs(model: "torch.nn.Module", inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """{"logits": float32 [1, tokens, vocabulary]}."""
    import torch

    values = {name: torch.from_numpy(value) for name, value in inputs.items()}
    values["pixel_values"] = values["pixel_values"].to(next(model.parameters()).dtype)
    with torch.inference_mode():
        return {"logits": model(**values, use_cache=False).logits.float().numpy()}
