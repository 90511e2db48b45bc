"""BLIP: a caption of an image, by a vision transformer and a text decoder that attends to it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cotejo.files import read_json, write_json
from cotejo.models import huggingface, tokenizers
from cotejo.models.generator import Initial, Shapes
from cotejo.models.generator import initial as default_initial

if TYPE_CHECKING:
    import torch

# BERT's ids, which BLIP's config refers to; [DEC] begins every caption.
SPECIAL = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]", 30522: "[DEC]", 30523: "[ENC]"}
PIXEL_MEAN = [0.48145466, 0.4578275, 0.40821073]
PIXEL_STD = [0.26862954, 0.26130258, 0.27577711]


def tensors(config: dict[str, Any]) -> Shapes:
    from transformers import BlipForConditionalGeneration

    return huggingface.shapes(BlipForConditionalGeneration, config)


def initial(name: str, shape: tuple[int, ...], config: dict[str, Any]) -> Initial:
    return default_initial(name, shape)


def write_processor(config: dict[str, Any], folder: Path) -> None:
    text = config["text_config"]
    huggingface.write_configs(
        folder,
        {"architectures": ["BlipForConditionalGeneration"], "model_type": "blip"} | config,
        {
            "bos_token_id": text["bos_token_id"],
            "eos_token_id": text["sep_token_id"],
            "pad_token_id": text["pad_token_id"],
            "do_sample": False,
        },
    )
    write_json(
        folder / "preprocessor_config.json",
        {
            "image_processor_type": "BlipImageProcessor",
            "processor_class": "BlipProcessor",
            "do_convert_rgb": True,
            "do_resize": True,
            "size": dict.fromkeys(("height", "width"), config["vision_config"]["image_size"]),
            "resample": 3,
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": PIXEL_MEAN,
            "image_std": PIXEL_STD,
        },
    )
    _write_tokenizer(text["vocab_size"], folder)


def _write_tokenizer(size: int, folder: Path) -> None:
    """A WordPiece tokenizer of lower-case English with BERT's special ids."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
    from tokenizers.processors import BertProcessing

    words = word_pieces()
    places = [place for place in range(size) if place not in SPECIAL]
    vocabulary = dict(zip(words, places, strict=False))
    vocabulary |= {f"[unused{place}]": place for place in places[len(words) :]}
    vocabulary |= {token: place for place, token in SPECIAL.items()}
    tokenizer = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(tokenizers.special(list(SPECIAL.values())))
    tokenizer.post_processor = BertProcessing(("[SEP]", 102), ("[CLS]", 101))
    settings = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": True,
        "model_max_length": 512,
        "model_input_names": ["input_ids", "attention_mask"],
    }
    names = {
        name: f"[{name[:-6].upper()}]" for name in ("unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
    }
    tokenizers.save(tokenizer, folder, settings | names)
    ordered = sorted(vocabulary, key=vocabulary.__getitem__)
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in ordered), encoding="utf-8")


def word_pieces() -> list[str]:
    """WordPiece's words and "##continuations" from the byte-pair vocabulary: single characters first, then by rank."""
    printable = [chr(code) for code in range(ord("!"), ord("~") + 1) if not chr(code).isupper()]
    pieces = dict.fromkeys([*printable, *(f"##{character}" for character in printable)])
    for token in tokenizers.ranks("gpt2"):
        try:
            text = token.decode("ascii")
        except UnicodeDecodeError:
            continue
        word = text.strip()
        if word.isalpha() and word.islower():
            pieces[word if text.startswith(" ") else f"##{word}"] = None
    return list(pieces)


def load(folder: Path, dtype: str = "float32") -> "torch.nn.Module":
    from transformers import BlipForConditionalGeneration

    return huggingface.load(BlipForConditionalGeneration, folder, dtype)


def parity_inputs(folder: Path, seed: int) -> list[dict[str, np.ndarray]]:
    """Batches of 1 and 2: pixel_values, float32 [batch, 3, size, size]; input_ids and attention_mask, int64 [batch,
    tokens], the second batch's first caption shorter than its other."""
    config = read_json(folder / "config.json")
    size, text = config["vision_config"]["image_size"], config["text_config"]
    random = np.random.default_rng(seed)
    batches: list[dict[str, np.ndarray]] = []
    for batch, length in ((1, 16), (2, 7)):
        ids = random.integers(1000, 30000, size=(batch, length), dtype=np.int64)
        ids[:, 0] = text["bos_token_id"]
        mask = np.ones_like(ids)
        mask[: batch - 1, length - 2 :] = 0
        pixels = random.standard_normal(size=(batch, 3, size, size), dtype=np.float32)
        batches.append({"pixel_values": pixels, "input_ids": ids, "attention_mask": mask})
    return batches


def logits(
    model: "torch.nn.Module", pixel_values: "torch.Tensor", input_ids: "torch.Tensor", attention_mask: "torch.Tensor"
) -> "torch.Tensor":
    """One captioning step: [batch, tokens, vocabulary] from an image and the caption so far. Exporters trace it."""
    import torch

    image = model.vision_model(pixel_values=pixel_values, return_dict=True).last_hidden_state
    return model.text_decoder(
        input_ids=input_ids,
        attention_mask=attention_mask,
        encoder_hidden_states=image,
        encoder_attention_mask=torch.ones(image.shape[:2], dtype=torch.long, device=image.device),
        return_dict=True,
        use_cache=False,
    ).logits


def reference_outputs(model: "torch.nn.Module", inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """{"logits": float32 [batch, tokens, vocabulary]}."""
    import torch

    values = {name: torch.from_numpy(value) for name, value in inputs.items()}
    values["pixel_values"] = values["pixel_values"].to(next(model.parameters()).dtype)
    with torch.inference_mode():
        return {"logits": logits(model, **values).float().numpy()}
