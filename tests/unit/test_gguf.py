"""What is written to GGUF; tests/integration/test_llama_cpp.py has llama.cpp read it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from cotejo.command import ROOT
from cotejo.exports import gguf, gguf_llama, gguf_vocabulary
from cotejo.exports.gguf_file import MODEL, PROJECTOR, Weights, matrix, stored
from cotejo.exports.gguf_llama import angle_base, paired, refuse_scaled_angles
from cotejo.exports.gguf_llava import parts_of, png, refuse_others
from cotejo.exports.weights import wrongly_stored
from cotejo.models.synthetic import write_model

CATALOGUE = yaml.safe_load((ROOT / "config" / "models.yaml").read_text(encoding="utf-8"))
TEXT = {
    "vocab_size": 512, "hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 128, "torch_dtype": "float32",
}  # fmt: skip
LLAVA = {
    "vision_config": {
        "image_size": 8, "patch_size": 4, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 2, "projection_dim": 32,
    },
    "text_config": TEXT | {"vocab_size": 576, "pad_token_id": 513},
    "image_token_index": 512,
    "image_seq_length": 4,
    "torch_dtype": "float32",
}  # fmt: skip


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], tuple[Path, Path]]:
    """exported(model, precision): the folders of a tiny model and of its export."""
    root, small = tmp_path_factory.mktemp("gguf"), {"tinyllama-1.1b-chat": TEXT, "llava-1.5-7b": LLAVA}

    def make(name: str, precision: str) -> tuple[Path, Path]:
        model, export = root / name, root / f"{name}-{precision}"
        if not model.exists():
            write_model(model, name, CATALOGUE[name] | {"small": small[name]}, "small", seed=0, headers_only=False)
        if not export.exists():
            export.mkdir()
            gguf.export(model, export, CATALOGUE[name]["architecture"], precision)
        return model, export

    return make


def values_of(path: Path) -> dict[str, np.ndarray]:
    from gguf.quants import dequantize

    return {tensor.name: dequantize(tensor.data, tensor.tensor_type) for tensor in stored(path)}


def fields_of(path: Path) -> dict[str, Any]:
    from gguf import GGUFReader

    return {name: field.contents() for name, field in GGUFReader(path).fields.items()}


def test_llama_keeps_every_weight_and_reorders_the_rows_of_queries_and_keys(exported):
    model, export = exported("tinyllama-1.1b-chat", "fp32")
    ours, theirs = values_of(export / MODEL), Weights(model)
    assert len(ours) == len(list(theirs)) == 3 + 2 * 9
    layer = "model.layers.1.self_attn"
    for name, source in {
        "token_embd.weight": "model.embed_tokens.weight",
        "output.weight": "lm_head.weight",
        "output_norm.weight": "model.norm.weight",
        "blk.1.attn_norm.weight": "model.layers.1.input_layernorm.weight",
        "blk.1.ffn_norm.weight": "model.layers.1.post_attention_layernorm.weight",
        "blk.1.ffn_down.weight": "model.layers.1.mlp.down_proj.weight",
        "blk.1.attn_v.weight": f"{layer}.v_proj.weight",
        "blk.1.attn_output.weight": f"{layer}.o_proj.weight",
    }.items():
        np.testing.assert_array_equal(ours[name], theirs[source], name)
    query, key = theirs[f"{layer}.q_proj.weight"], theirs[f"{layer}.k_proj.weight"]
    # 4 heads of queries, 2 of keys, 16 rows each: rows i and i + 8 of a head lie side by side.
    order = [head * 16 + row for head in range(4) for pair in range(8) for row in (pair, pair + 8)]
    np.testing.assert_array_equal(ours["blk.1.attn_q.weight"], query[order])
    np.testing.assert_array_equal(ours["blk.1.attn_k.weight"], key[order[:32]])


def test_turning_neighbours_is_turning_halves():
    """What llama.cpp does to the reordered rows is what transformers does to the rows as they were."""
    random = np.random.default_rng(0)
    rows, vector = random.standard_normal((8, 4)), random.standard_normal(4)
    angles = np.array([0.3, 0.7, 1.1, 1.9])

    def turned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x * np.cos(angles) - y * np.sin(angles), y * np.cos(angles) + x * np.sin(angles)

    halves = np.concatenate(turned(*np.split(rows @ vector, 2)))
    mixed = paired(rows, heads=1) @ vector
    neighbours = np.stack(turned(mixed[0::2], mixed[1::2]), axis=-1).ravel()
    np.testing.assert_allclose(neighbours, paired(halves[:, None], heads=1)[:, 0])


def test_llama_is_described(exported):
    _, export = exported("tinyllama-1.1b-chat", "fp16")
    fields = fields_of(export / MODEL)
    assert {key: fields[f"llama.{key}"] for key in ("context_length", "block_count", "vocab_size")} == {
        "context_length": 128, "block_count": 2, "vocab_size": 512,
    }  # fmt: skip
    assert (fields["llama.attention.head_count"], fields["llama.attention.head_count_kv"]) == (4, 2)
    assert (fields["llama.rope.dimension_count"], fields["llama.rope.freq_base"]) == (16, 10000)
    assert fields["general.architecture"] == "llama" and fields["general.file_type"] == 1
    assert (fields["tokenizer.ggml.model"], fields["tokenizer.ggml.pre"]) == ("gpt2", "gpt-2")
    assert fields["tokenizer.ggml.tokens"][:3] == ["<unk>", "<s>", "</s>"]
    assert fields["tokenizer.ggml.token_type"][:4] == [2, 3, 3, 1]
    assert (fields["tokenizer.ggml.bos_token_id"], fields["tokenizer.ggml.add_bos_token"]) == (1, True)
    assert "[INST]" in fields["tokenizer.chat_template"]


@pytest.mark.parametrize(
    ("model", "precision"),
    [(name, precision) for name, kind in (("tinyllama-1.1b-chat", "llama"), ("llava-1.5-7b", "llava"))
     for precision in gguf.PRECISIONS[kind]],
)  # fmt: skip
def test_weights_are_stored_as_claimed_and_near_what_they_were(exported, model, precision):
    _, export = exported(model, precision)
    assert wrongly_stored(gguf.weights(export), precision) is None
    others = {"fp32": "fp16", "fp16": "int8", "int8": "int4", "int4": "int8"}
    assert wrongly_stored(gguf.weights(export), others[precision]) is not None
    whole = values_of(exported("tinyllama-1.1b-chat", "fp32")[1] / MODEL)
    if model == "tinyllama-1.1b-chat":
        for name, values in values_of(export / MODEL).items():
            error = np.linalg.norm(values - whole[name]) / np.linalg.norm(whole[name])
            assert error < {"fp32": 1e-12, "fp16": 1e-3, "int8": 0.01, "int4": 0.12}[precision], name


def test_projector_has_what_llava_uses_and_nothing_behind_it(exported):
    model, export = exported("llava-1.5-7b", "fp16")
    ours, theirs, fields = values_of(export / PROJECTOR), Weights(model), fields_of(export / PROJECTOR)
    tower = "vision_tower.vision_model"
    for name, source in {
        "v.class_embd": f"{tower}.embeddings.class_embedding",
        "v.patch_embd.weight": f"{tower}.embeddings.patch_embedding.weight",
        "v.blk.1.ffn_up.bias": f"{tower}.encoder.layers.1.mlp.fc1.bias",
        "mm.2.weight": "multi_modal_projector.linear_2.weight",
    }.items():
        np.testing.assert_allclose(ours[name], theirs[source], rtol=1e-3, atol=1e-6, err_msg=name)
    assert not any("post" in name for name in ours)
    assert f"{tower}.post_layernorm.weight" in list(theirs)
    assert (fields["general.architecture"], fields["clip.projector_type"]) == ("clip", "mlp")
    assert (fields["clip.vision.image_size"], fields["clip.vision.block_count"]) == (8, 2)
    assert fields["clip.vision.image_mean"] == pytest.approx([0.48145466, 0.4578275, 0.40821073])
    decoder = fields_of(export / MODEL)
    assert decoder["tokenizer.ggml.tokens"][512:515] == ["<image>", "<pad>", "[UNUSED514]"]
    assert decoder["tokenizer.ggml.token_type"][512:515] == [3, 3, 5]


def test_unknown_tensor_is_refused(exported, tmp_path):
    from safetensors.numpy import save_file

    model, _ = exported("tinyllama-1.1b-chat", "fp32")
    for file in model.iterdir():
        (tmp_path / file.name).symlink_to(file)
    save_file({"model.layers.0.self_attn.q_proj.bias": np.zeros(64, np.float32)}, tmp_path / "more.safetensors")
    with pytest.raises(ValueError, match=r"q_proj\.bias: \(64,\): GGUF has no name for this tensor"):
        gguf.export(tmp_path, tmp_path, "llama", "fp32")


@pytest.mark.parametrize(
    ("shape", "asked", "stored_as"),
    [
        ((64,), "Q8_0", "F32"),
        ((64, 64), "Q8_0", "Q8_0"),
        ((64, 30), "Q8_0", "F16"),
        ((64, 3, 14, 14), "Q4_0", "F16"),
        ((64, 30), "F32", "F32"),
    ],
)
def test_what_no_blocks_fill_is_stored_in_half_precision(shape, asked, stored_as):
    assert matrix(shape, asked) == stored_as


def test_scaled_angles_are_refused_and_their_base_is_found_where_files_keep_it():
    refuse_scaled_angles({"rope_scaling": None})
    refuse_scaled_angles({"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}})
    assert angle_base({"rope_parameters": {"rope_theta": 5e5}}) == 5e5
    assert (angle_base({"rope_theta": 1e6}), angle_base({})) == (1e6, 1e4)
    with pytest.raises(ValueError, match="rope_scaling: linear"):
        refuse_scaled_angles({"rope_scaling": {"type": "linear", "factor": 2.0}})


def test_other_kinds_of_llava_are_refused():
    good = {"vision_feature_layer": -2, "vision_config": {"hidden_act": "quick_gelu"}}
    refuse_others(good)
    with pytest.raises(ValueError, match=r"vision_feature_layer: -1: llama\.cpp only has -2"):
        refuse_others(good | {"vision_feature_layer": -1})
    with pytest.raises(ValueError, match="hidden_act: gelu"):
        refuse_others(good | {"vision_config": {"hidden_act": "gelu"}})


def state(**changes: Any) -> dict[str, Any]:
    """tokenizer.json of a SentencePiece model, cut short."""
    tokens = ["<unk>", "<s>", "</s>", "<0x41>", "▁", "a", "b", "▁a", "ab", "▁ab"]
    return {
        "model": {
            "type": "BPE",
            "byte_fallback": True,
            "vocab": {token: number for number, token in enumerate(tokens)},
            "merges": [["a", "b"], "▁ a", "▁ ab", "▁a b"],
        },
        "pre_tokenizer": None,
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}]},
        "added_tokens": [
            {"id": 0, "content": "<unk>", "special": True},
            {"id": 1, "content": "<s>", "special": True},
            {"id": 10, "content": "<said>", "special": False},
        ],
    } | changes


SPECIAL = {"bos": 1, "eos": 2, "unk": 0, "pad": None}


def test_sentencepiece_vocabulary():
    words = gguf_vocabulary.of_state(state(), 12, SPECIAL, [1], "{{ messages }}")
    assert (words.kind, words.space_prefix, words.adds_bos, words.adds_eos) == ("llama", True, True, False)
    assert words.tokens[9:] == ["▁ab", "<said>", "[UNUSED11]"]
    assert words.types == [2, 3, 1, 6, 1, 1, 1, 1, 1, 1, 4, 5]
    # First "ab", then "▁a", then "▁ab", by whichever of its two merges comes first; never what no merge makes.
    assert [words.scores[words.tokens.index(token)] for token in ("ab", "▁a", "▁ab", "b")] == [0, -1, -2, -4]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pre_tokenizer": {"type": "Split"}}, "BPE after Split"),
        (
            {"pre_tokenizer": {"type": "ByteLevel", "use_regex": False, "add_prefix_space": False}},
            "BPE after ByteLevel",
        ),
        ({"model": {"type": "WordPiece"}}, "WordPiece after None"),
    ],
)
def test_tokenizers_that_llama_cpp_has_no_equal_of_are_refused(change, said):
    with pytest.raises(ValueError, match=said):
        gguf_vocabulary.kind_of(state(**change))


def test_tokenizer_larger_than_the_model_is_refused():
    with pytest.raises(ValueError, match="11 tokens, and the model has 10"):
        gguf_vocabulary.of_state(state(), 10, SPECIAL, [1], None)


def test_parts_of_a_prompt_around_its_image():
    assert parts_of(np.array([1, 5, 6, 99, 99, 99, 7, 8])) == ([1, 5, 6], 99, [7, 8])


def test_pixels_come_back_from_the_image_file():
    import io

    from PIL import Image

    normalised = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.1]}
    levels = np.random.default_rng(0).integers(256, size=(3, 4, 5))
    mean, std = (np.array(normalised[key])[:, None, None] for key in ("mean", "std"))
    file = png(((levels / 255 - mean) / std).astype(np.float32), normalised)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(file))).transpose(2, 0, 1), levels)


def test_only_what_llama_server_can_tell_is_compared():
    logits = np.arange(40, dtype=np.float32).reshape(1, 10, 4) ** 2
    told = gguf.comparable({"logits": logits})["logits"]
    assert told.shape == (1, gguf.LAST, 4)
    np.testing.assert_allclose(np.diff(told), np.diff(logits[:, -gguf.LAST :]))
    np.testing.assert_allclose(told.mean(-1), 0, atol=1e-4)
    assert gguf.comparable({"logits": logits[:, :1]})["logits"].shape == (1, 1, 4)


def test_every_last_token_is_asked_for():
    ids = np.arange(3, 12)[None]
    assert gguf_llama.prompts(None, {"input_ids": ids}, 2) == [list(range(3, 11)), list(range(3, 12))]
    assert gguf_llama.prompts(None, {"input_ids": ids[:, :1]}, 6) == [[3]]
