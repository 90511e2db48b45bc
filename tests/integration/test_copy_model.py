"""Copies of folders that transformers' and ultralytics' own functions wrote."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exporting import CATALOGUE

from cotejo.errors import CotejoError
from cotejo.files import read_json, sha256_of, sha256_of_folder
from cotejo.models import architecture, own
from cotejo.models.catalogue import config_at
from cotejo.models.own_copy import copy_model
from cotejo.models.synthetic import write_model
from cotejo.verified import verified

pytestmark = pytest.mark.beside

CLASSES = {
    "tinyllama-1.1b-chat": "LlamaForCausalLM",
    "blip-image-captioning-base": "BlipForConditionalGeneration",
    "whisper-base": "WhisperForConditionalGeneration",
    "t5-small": "T5ForConditionalGeneration",
    "llava-1.5-7b": "LlavaForConditionalGeneration",
}


def entry_of(model: str, folder: Path, **more: Any) -> dict[str, Any]:
    said = CATALOGUE[model]
    return {"architecture": said["architecture"], "task": said["task"], "folder": str(folder), "licence": "MIT", **more}


def copy(entry: dict[str, Any], work: Path, sha256: str | None = None) -> Path:
    copy_model("mine", entry, sha256, work / "copy")
    return work / "copy"


def refusal(entry: dict[str, Any], work: Path, sha256: str | None = None) -> str:
    """The message of a refused copy, which leaves no folder."""
    with pytest.raises(CotejoError) as raised:
        copy(entry, work, sha256)
    assert not list(work.glob("*copy*"))
    return str(raised.value)


def saved(model: str, made: Path, folder: Path) -> Path:
    """A small model saved again by transformers, with what its processor or tokenizer writes."""
    import transformers

    kind: Any = getattr(transformers, CLASSES[model])
    kind.from_pretrained(made).save_pretrained(folder)
    pictured_or_heard = CATALOGUE[model]["architecture"] in ("blip", "llava", "whisper")
    processor: Any = transformers.AutoProcessor if pictured_or_heard else transformers.AutoTokenizer
    processor.from_pretrained(made).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("model", CLASSES)
def test_what_save_pretrained_wrote_computes_as_before(
    model: str, model_folder: Callable[..., Path], tmp_path: Path
) -> None:
    made = model_folder(model)
    folder = saved(model, made, tmp_path / "mine")
    copy(entry_of(model, folder), tmp_path)
    manifest = verified(tmp_path / "copy", "model.json")
    expected = read_json(made / "model.json")
    assert (manifest["weights"], manifest["scale"], manifest["licence"]) == ("own", "full", "MIT")
    assert manifest["parameters"] == expected["parameters"]
    taken = {name: sha256_of(folder / name) for name in own.taken([path.name for path in folder.iterdir()], "llama")}
    assert manifest["source"] == {"sha256": own.content_digest(taken)}
    kind = architecture(CATALOGUE[model]["architecture"])
    inputs = kind.parity_inputs(made, seed=0)[0]
    before, after = (kind.reference_outputs(kind.load(place), inputs) for place in (made, tmp_path / "copy"))
    for name, values in before.items():
        np.testing.assert_array_equal(after[name], values)


def test_a_checkpoint_of_ultralytics_becomes_safetensors(tmp_path: Path) -> None:
    from ultralytics import YOLO

    (tmp_path / "mine").mkdir()
    YOLO("yolov8n-seg.yaml").save(tmp_path / "mine" / "best.pt")
    full = {"yaml": "yolov8n-seg.yaml", "classes": 80, "image_size": 320, "torch_dtype": "float32"}
    entry = entry_of("yolov8n-seg", tmp_path / "mine", full=full)
    line = refusal(entry | {"full": full | {"classes": 3}}, tmp_path)
    assert "config/models.yaml: mine.full.classes: 3: best.pt knows 80 classes" in line
    copy(entry, tmp_path)
    manifest = verified(tmp_path / "copy", "model.json")
    assert sorted(manifest["files"]) == ["config.json", "model.safetensors"]
    assert manifest["parameters"] == CATALOGUE["yolov8n-seg"]["parameters"]


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    """A small language model as transformers saves it, in half precision, and nothing of Cotejo's."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(vocab_size=300, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
                         num_attention_heads=2, num_key_value_heads=1)  # fmt: skip
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(tmp_path / "mine")
    (tmp_path / "mine" / "tokenizer.json").write_text("{}")
    (tmp_path / "mine" / "optimizer.pt").write_bytes(b"left behind")
    return tmp_path / "mine"


def test_only_what_is_measured_is_copied(llama: Path, tmp_path: Path) -> None:
    copy(entry_of("tinyllama-1.1b-chat", llama), tmp_path)
    names = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"}
    assert sha256_of_folder(tmp_path / "copy", without=("model.json",)).keys() == names
    assert sha256_of(tmp_path / "copy" / "model.safetensors") == sha256_of(llama / "model.safetensors")
    assert read_json(tmp_path / "copy" / "config.json")["torch_dtype"] == "bfloat16"


def test_a_folder_that_changed_meanwhile_is_not_taken(llama: Path, tmp_path: Path) -> None:
    line = refusal(entry_of("tinyllama-1.1b-chat", llama), tmp_path, "0" * 64)
    assert f"mine.folder: {llama}: has changed since this workflow began" in line


def test_a_tensor_that_is_missing_or_of_another_shape(llama: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = llama / "model.safetensors"
    tensors = load_file(file)
    save_file({name: values for name, values in tensors.items() if name != "lm_head.weight"}, file)
    line = refusal(entry_of("tinyllama-1.1b-chat", llama), tmp_path)
    assert "lm_head.weight: lacks this tensor and 0 others" in line and "head included" in line
    save_file(tensors | {"lm_head.weight": tensors["lm_head.weight"][:200].clone()}, file)
    line = refusal(entry_of("tinyllama-1.1b-chat", llama), tmp_path)
    assert "lm_head.weight: of shape (200, 32), where config.json makes it (300, 32)" in line


def test_synthetic_weights_of_ones_own_architecture(llama: Path, tmp_path: Path) -> None:
    config = {**read_json(llama / "config.json"), "torch_dtype": "float32", "vocab_size": 1000}
    entry = entry_of("tinyllama-1.1b-chat", llama, small={"hidden_size": 16}) | {"full": own.shaping(config)}
    assert config_at(entry, "small")["hidden_size"] == 16
    write_model(tmp_path / "made", "mine", entry, "small", seed=0, headers_only=False)
    assert verified(tmp_path / "made", "model.json")["weights"] == "synthetic"
