"""Llama for llama.cpp: model.gguf, its vocabulary and chat template included."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cotejo.exports import gguf_vocabulary as vocabulary
from cotejo.exports.gguf_file import (
    MATRICES,
    MODEL,
    VOCABULARY,
    Change,
    Tensor,
    Weights,
    matrix,
    named,
    unchanged,
    write,
)
from cotejo.files import read_json

NAMES = {
    r"model\.embed_tokens\.weight": "token_embd.weight",
    r"model\.norm\.weight": "output_norm.weight",
    r"lm_head\.weight": "output.weight",
    r"model\.layers\.(\d+)\.input_layernorm\.weight": r"blk.\1.attn_norm.weight",
    r"model\.layers\.(\d+)\.post_attention_layernorm\.weight": r"blk.\1.ffn_norm.weight",
    r"model\.layers\.(\d+)\.self_attn\.([qkv])_proj\.weight": r"blk.\1.attn_\2.weight",
    r"model\.layers\.(\d+)\.self_attn\.o_proj\.weight": r"blk.\1.attn_output.weight",
    r"model\.layers\.(\d+)\.mlp\.(gate|up|down)_proj\.weight": r"blk.\1.ffn_\2.weight",
}
# Angles that older files hold, and every program computes by itself.
IGNORED = (r"model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq",)
OF_THE_VOCABULARY = ("token_embd.weight", "output.weight")


def export(model_folder: Path, output: Path, precision: str) -> None:
    """model.gguf: tokens → logits."""
    write_decoder(model_folder, output, precision, read_json(model_folder / "config.json"))


def write_decoder(
    model_folder: Path,
    output: Path,
    precision: str,
    config: Mapping[str, Any],
    prefix: str = "",
    other: tuple[str, ...] = (),
    chat_template: str | None = None,
) -> None:
    """model.gguf of the tensors whose names begin with `prefix`; those that begin with one of `other` are left out.

    ValueError where the model has something that llama.cpp's Llama has not.
    """
    refuse_scaled_angles(config)
    weights = Weights(model_folder)
    begin = re.escape(prefix)
    names = {begin + pattern: name for pattern, name in NAMES.items()}
    found = dict(named(weights, names, [begin + pattern for pattern in IGNORED], other))
    size = weights.shape(found["token_embd.weight"])[0]
    words = vocabulary.read(model_folder, size)
    words = replace(words, chat_template=chat_template or words.chat_template)
    tensors = [
        Tensor(
            name,
            source,
            matrix(weights.shape(source), (VOCABULARY if name in OF_THE_VOCABULARY else MATRICES)[precision]),
            change_of(name, config),
        )
        for name, source in found.items()
    ]
    write(output / MODEL, "llama", lambda writer: _describe(writer, config, size, words), tensors, weights, precision)


def _describe(writer: Any, config: Mapping[str, Any], size: int, words: vocabulary.Vocabulary) -> None:
    heads = config["num_attention_heads"]
    head = config.get("head_dim") or config["hidden_size"] // heads
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(angle_base(config))
    writer.add_layer_norm_rms_eps(config.get("rms_norm_eps", 1e-6))  # what transformers takes where none is given
    writer.add_vocab_size(size)
    vocabulary.add(writer, words)


def angle_base(config: Mapping[str, Any]) -> float:
    """The base of the rotary angles, which newer files keep in `rope_parameters`."""
    return float((config.get("rope_parameters") or config).get("rope_theta", 10000.0))


def refuse_scaled_angles(config: Mapping[str, Any]) -> None:
    scaling = config.get("rope_scaling") or config.get("rope_parameters") or {}
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind != "default":
        raise ValueError(f"config.json: rope_scaling: {kind}: can't be written to GGUF yet")


def change_of(name: str, config: Mapping[str, Any]) -> Change:
    """What is done to a tensor: the rows of queries' and keys' matrices are put in another order."""
    heads = config["num_attention_heads"]
    if name.endswith("attn_q.weight"):
        return partial(paired, heads=heads)
    if name.endswith("attn_k.weight"):
        return partial(paired, heads=config.get("num_key_value_heads") or heads)
    return unchanged


def paired(values: np.ndarray, heads: int) -> np.ndarray:
    """The rows of each head in llama.cpp's order: it turns rows 2i and 2i+1 by one angle, transformers i and i + half.

    Without this the model would be another one wherever a position counts.
    """
    rows, columns = values.shape
    return values.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def prompts(server: Any, inputs: Mapping[str, np.ndarray], last: int) -> list[list[int]]:
    """What llama-server is asked: the tokens of an input up to each of its last ones."""
    ids = inputs["input_ids"][0].tolist()
    return [ids[:end] for end in range(max(1, len(ids) + 1 - last), len(ids) + 1)]
