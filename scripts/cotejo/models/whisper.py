"""Whisper: speech to text. Files have the hub's layout and names; PyTorch runs openai-whisper's own model."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cotejo.files import read_json, write_json
from cotejo.models import huggingface, tokenizers
from cotejo.models.generator import Initial, Shapes
from cotejo.models.generator import initial as default_initial

if TYPE_CHECKING:
    import torch

# Hub name → openai-whisper name. Order matters: the longer name first.
RENAMED = (
    (r"^model\.", ""),
    (r"\.layers\.", ".blocks."),
    (r"\.embed_positions\.weight$", ".positional_embedding"),
    (r"\.embed_tokens\.", ".token_embedding."),
    (r"^encoder\.layer_norm\.", "encoder.ln_post."),
    (r"^decoder\.layer_norm\.", "decoder.ln."),
    (r"\.self_attn_layer_norm\.", ".attn_ln."),
    (r"\.encoder_attn_layer_norm\.", ".cross_attn_ln."),
    (r"\.final_layer_norm\.", ".mlp_ln."),
    (r"\.self_attn\.", ".attn."),
    (r"\.encoder_attn\.", ".cross_attn."),
    (r"\.q_proj\.", ".query."),
    (r"\.k_proj\.", ".key."),
    (r"\.v_proj\.", ".value."),
    (r"\.out_proj\.", ".out."),
    (r"\.fc1\.", ".mlp.0."),
    (r"\.fc2\.", ".mlp.2."),
)


def tensors(config: dict[str, Any]) -> Shapes:
    from transformers import WhisperForConditionalGeneration

    return huggingface.shapes(WhisperForConditionalGeneration, config)


def initial(name: str, shape: tuple[int, ...], config: dict[str, Any]) -> Initial:
    return default_initial(name, shape)


def write_processor(config: dict[str, Any], folder: Path) -> None:
    from whisper.tokenizer import get_tokenizer

    words = get_tokenizer(multilingual=True, language="en", task="transcribe")
    languages = {f"<|{code}|>": words.special_tokens[f"<|{code}|>"] for code in words.all_language_codes}
    huggingface.write_configs(
        folder,
        {"architectures": ["WhisperForConditionalGeneration"], "model_type": "whisper", "is_encoder_decoder": True}
        | config,
        {
            "bos_token_id": config["bos_token_id"],
            "eos_token_id": config["eos_token_id"],
            "pad_token_id": config["pad_token_id"],
            "decoder_start_token_id": config["decoder_start_token_id"],
            "max_length": config["max_target_positions"],
            "is_multilingual": True,
            "lang_to_id": dict(sorted(languages.items(), key=lambda item: item[1])),
            "task_to_id": {"transcribe": words.transcribe, "translate": words.translate},
            "no_timestamps_token_id": words.no_timestamps,
            "prev_sot_token_id": words.sot_prev,
            "begin_suppress_tokens": [220, config["eos_token_id"]],
            "suppress_tokens": [],
            "max_initial_timestamp_index": 50,
            "return_timestamps": False,
        },
    )
    table = tokenizers.ranks("multilingual")
    special = sorted(words.special_tokens.items(), key=lambda item: item[1])
    tokenizer = tokenizers.byte_level(table)
    tokenizer.add_special_tokens(tokenizers.special([token for token, _ in special]))
    end = "<|endoftext|>"
    tokenizers.save(
        tokenizer,
        folder,
        {"tokenizer_class": "WhisperTokenizer", "model_max_length": 1024, "clean_up_tokenization_spaces": False}
        | dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token"), end),
    )
    write_json(
        folder / "preprocessor_config.json",
        {
            "feature_extractor_type": "WhisperFeatureExtractor",
            "processor_class": "WhisperProcessor",
            "feature_size": config["num_mel_bins"],
            "sampling_rate": 16000,
            "hop_length": 160,
            "n_fft": 400,
            "chunk_length": 30,
            "n_samples": 480000,
            "nb_max_frames": 3000,
            "padding_side": "right",
            "padding_value": 0.0,
            "return_attention_mask": False,
        },
    )


def openai_name(name: str) -> str:
    """openai-whisper's name of a hub tensor."""
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return name


def dimensions(config: dict[str, Any]) -> dict[str, int]:
    """A hub config as openai-whisper's ModelDimensions."""
    return {
        "n_mels": config["num_mel_bins"],
        "n_audio_ctx": config["max_source_positions"],
        "n_audio_state": config["d_model"],
        "n_audio_head": config["encoder_attention_heads"],
        "n_audio_layer": config["encoder_layers"],
        "n_vocab": config["vocab_size"],
        "n_text_ctx": config["max_target_positions"],
        "n_text_state": config["d_model"],
        "n_text_head": config["decoder_attention_heads"],
        "n_text_layer": config["decoder_layers"],
    }


def load(folder: Path, dtype: str = "float32") -> "torch.nn.Module":
    """openai-whisper's `Whisper`; its `encoder`, `decoder`, `decode` and `transcribe` are the published workload's."""
    import torch
    from safetensors.torch import load_file
    from whisper.model import ModelDimensions, Whisper

    model = Whisper(ModelDimensions(**dimensions(read_json(folder / "config.json"))))
    weights = load_file(folder / "model.safetensors")
    weights.pop("proj_out.weight", None)  # the token embedding again, where a file holds it twice
    model.load_state_dict({openai_name(name): values for name, values in weights.items()}, strict=True)
    return model.to(getattr(torch, dtype)).eval()


def parity_inputs(folder: Path, seed: int) -> list[dict[str, np.ndarray]]:
    """Two windows of noise: mel, float32 [1, mels, 3000], and tokens, int64 [1, tokens], a transcript's beginning."""
    config = read_json(folder / "config.json")
    random = np.random.default_rng(seed)
    frames = 2 * config["max_source_positions"]
    start = [
        config["decoder_start_token_id"],
        50259,
        50359,
        50363,
    ]  # <|startoftranscript|><|en|><|transcribe|><|notimestamps|>
    return [
        {
            "mel": random.uniform(-1, 1, size=(1, config["num_mel_bins"], frames)).astype(np.float32),
            "tokens": np.array([[*start, *random.integers(0, 50257, size=extra)]], dtype=np.int64),
        }
        for extra in (0, 12)
    ]


def reference_outputs(model: "torch.nn.Module", inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """{"encoded": float32 [1, audio positions, width], "logits": float32 [1, tokens, vocabulary]}."""
    import torch

    with torch.inference_mode():
        mel = torch.from_numpy(inputs["mel"]).to(next(model.parameters()).dtype)
        encoded = model.encoder(mel)
        logits = model.decoder(torch.from_numpy(inputs["tokens"]), encoded)
    return {"encoded": encoded.float().numpy(), "logits": logits.float().numpy()}
