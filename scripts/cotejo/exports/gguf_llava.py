"""LLaVA-1.5 for llama.cpp: model.gguf with its Llama, mmproj.gguf with its vision transformer and projector."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cotejo.exports.gguf_file import MATRICES, MEDIA_MARKER, PROJECTOR, Tensor, Weights, matrix, named, write
from cotejo.exports.gguf_llama import write_decoder
from cotejo.files import read_json

DECODER = "language_model."
TOWER = r"vision_tower\.vision_model\."
LAYER = rf"{TOWER}encoder\.layers\.(\d+)\."
NAMES = {
    rf"{TOWER}embeddings\.class_embedding": "v.class_embd",
    rf"{TOWER}embeddings\.patch_embedding\.weight": "v.patch_embd.weight",
    rf"{TOWER}embeddings\.position_embedding\.weight": "v.position_embd.weight",
    rf"{TOWER}pre_layrnorm\.(weight|bias)": r"v.pre_ln.\1",
    rf"{LAYER}layer_norm([12])\.(weight|bias)": r"v.blk.\1.ln\2.\3",
    rf"{LAYER}self_attn\.([qkv])_proj\.(weight|bias)": r"v.blk.\1.attn_\2.\3",
    rf"{LAYER}self_attn\.out_proj\.(weight|bias)": r"v.blk.\1.attn_out.\2",
    rf"{LAYER}mlp\.fc1\.(weight|bias)": r"v.blk.\1.ffn_up.\2",
    rf"{LAYER}mlp\.fc2\.(weight|bias)": r"v.blk.\1.ffn_down.\2",
    r"multi_modal_projector\.linear_1\.(weight|bias)": r"mm.0.\1",
    r"multi_modal_projector\.linear_2\.(weight|bias)": r"mm.2.\1",
}
# LLaVA takes what comes out of the last layer but one, which no further norm touches; llama.cpp would apply it.
IGNORED = (rf"{TOWER}post_layernorm\.(weight|bias)", rf"{TOWER}embeddings\.position_ids")

# LLaVA's own, for texts in which the marker already stands for an image: a new line follows it.
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] | upper }}: "
    f"{{{{ message['content'] | replace('{MEDIA_MARKER}', '{MEDIA_MARKER}\\n') }}}}"
    "{{ ' ' if message['role'] == 'user' else eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)


def export(model_folder: Path, output: Path, precision: str) -> None:
    config = read_json(model_folder / "config.json")
    settings = read_json(model_folder / "preprocessor_config.json")
    refuse_others(config)
    parts = ("vision_tower.", "multi_modal_projector.")
    write_decoder(model_folder, output, precision, config["text_config"], DECODER, parts, CHAT_TEMPLATE)
    weights = Weights(model_folder)
    tensors = [
        Tensor(name, source, matrix(weights.shape(source), MATRICES[precision]))
        for name, source in named(weights, NAMES, IGNORED, (DECODER,))
    ]
    size = weights.shape("multi_modal_projector.linear_2.weight")[0]
    write(
        output / PROJECTOR,
        "clip",
        lambda writer: _describe(writer, config["vision_config"], settings, size),
        tensors,
        weights,
        precision,
    )


def refuse_others(config: Mapping[str, Any]) -> None:
    """ValueError where the model does what llama.cpp's LLaVA-1.5 does not."""
    expected = {
        "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default",
        "projector_hidden_act": "gelu",
    }
    for key, value in expected.items():
        if config.get(key, value) != value:
            raise ValueError(f"config.json: {key}: {config[key]}: llama.cpp only has {value}")
    if config["vision_config"]["hidden_act"] != "quick_gelu":
        raise ValueError(f"config.json: hidden_act: {config['vision_config']['hidden_act']}: not CLIP's quick_gelu")


def _describe(writer: Any, vision: Mapping[str, Any], settings: Mapping[str, Any], size: int) -> None:
    writer.add_clip_has_vision_encoder(True)
    writer.add_clip_projector_type("mlp")
    writer.add_bool("clip.has_llava_projector", True)
    writer.add_vision_use_gelu(False)  # but its quick approximation
    writer.add_vision_image_size(vision["image_size"])
    writer.add_vision_patch_size(vision["patch_size"])
    writer.add_vision_embedding_length(vision["hidden_size"])
    writer.add_vision_feed_forward_length(vision["intermediate_size"])
    writer.add_vision_block_count(vision["num_hidden_layers"])
    writer.add_vision_head_count(vision["num_attention_heads"])
    writer.add_vision_attention_layernorm_eps(vision.get("layer_norm_eps", 1e-5))
    writer.add_vision_projection_dim(size)
    writer.add_vision_image_mean(settings["image_mean"])
    writer.add_vision_image_std(settings["image_std"])


def parts_of(ids: np.ndarray) -> tuple[list[int], int, list[int]]:
    """A prompt's tokens before its image, the token that stands for each patch, and those behind it."""
    starts = np.flatnonzero(np.diff(ids) == 0)
    image = int(ids[starts[0]])
    places = np.flatnonzero(ids == image)
    return ids[: places[0]].tolist(), image, ids[places[-1] + 1 :].tolist()


def prompts(server: Any, inputs: Mapping[str, np.ndarray], last: int) -> list[dict[str, Any]]:
    """What llama-server is asked: an input's texts and its image, up to each of the last tokens behind the image."""
    before, _, after = parts_of(inputs["input_ids"][0])
    picture = base64.b64encode(png(inputs["pixel_values"][0], server.pixels)).decode()
    text = server.text_of(before[1:]) + MEDIA_MARKER
    ends = range(len(after) + 1 - last, len(after) + 1)
    return [{"prompt_string": text + server.text_of(after[:end]), "multimodal_data": [picture]} for end in ends]


def png(pixels: np.ndarray, normalised: Mapping[str, list[float]]) -> bytes:
    """The image whose pixels, normalised, are these: float32 [3, height, width]."""
    from PIL import Image

    mean, std = (np.array(normalised[key], np.float32)[:, None, None] for key in ("mean", "std"))
    levels = np.rint((pixels * std + mean) * 255).astype(np.uint8).transpose(1, 2, 0)
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, "PNG")
    return stream.getvalue()
