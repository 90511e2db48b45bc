"""scripts/synthesize_model.py: every model of the catalogue at both scales, in files that transformers can load."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors import safe_open

from cotejo.command import ROOT
from cotejo.errors import CotejoError
from cotejo.files import read_json, sha256_of_folder
from cotejo.models import architecture
from cotejo.models.catalogue import SCALES, config_at, overlaid, read_entry
from cotejo.models.synthetic import bytes_of, count_parameters, index_of, plan_shards, write_model
from cotejo.schema import load_yaml
from cotejo.verified import verified

CATALOGUE = ROOT / "config" / "models.yaml"
ENTRIES: dict[str, Any] = load_yaml(CATALOGUE, "models")
ONE_OF_EACH = {entry["architecture"]: model for model, entry in reversed(ENTRIES.items())}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small model of each architecture, by architecture."""
    folders = {kind: tmp_path_factory.mktemp("models") / kind for kind in ONE_OF_EACH}
    for kind, folder in folders.items():
        write_model(folder, ONE_OF_EACH[kind], ENTRIES[ONE_OF_EACH[kind]], "small", seed=0, headers_only=False)
    return folders


def synthesize(output: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/synthesize_model.py", "--models", str(CATALOGUE), "--output", str(output)]
    return subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("model", ENTRIES)
def test_plan(model: str, scale: str) -> None:
    """The architecture is that of the hub's model, and each tensor has its place in one file of at most 1 GiB."""
    entry = ENTRIES[model]
    shapes = architecture(entry["architecture"]).tensors(config_at(entry, scale))
    parameters = count_parameters(shapes)
    assert parameters == entry["parameters"] if scale == "full" else parameters < 25e6
    shards = plan_shards(shapes)
    assert [name for names in shards.values() for name in names] == list(shapes)
    sizes = {file: sum(bytes_of(*shapes[name]) for name in names) for file, names in shards.items()}
    assert max(sizes.values()) <= 1 << 30
    index = index_of(shards, shapes)
    assert index["metadata"]["total_size"] == sum(sizes.values())
    assert all(name in shards[file] for name, file in index["weight_map"].items())


@pytest.mark.parametrize("model", ENTRIES)
def test_small_only_changes_what_full_has(model: str) -> None:
    def keys(config: dict[str, Any], above: str = "") -> set[str]:
        nested = [keys(value, f"{above}{key}.") for key, value in config.items() if isinstance(value, dict)]
        return {above + key for key in config}.union(*nested)

    assert keys(ENTRIES[model]["small"]) <= keys(ENTRIES[model]["full"])


def test_overlaid_leaves_its_arguments_alone() -> None:
    base = {"a": {"b": 1, "c": 2}, "d": [1]}
    assert overlaid(base, {"a": {"b": 3}}) == {"a": {"b": 3, "c": 2}, "d": [1]}
    assert base == {"a": {"b": 1, "c": 2}, "d": [1]}


def test_a_tensor_larger_than_a_file_gets_one_of_its_own() -> None:
    shapes = {name: ((size,), "float16") for name, size in (("a", 10), ("b", 100), ("c", 10), ("d", 10))}
    assert plan_shards(shapes, limit=40) == {
        "model-00001-of-00003.safetensors": ["a"],
        "model-00002-of-00003.safetensors": ["b"],
        "model-00003-of-00003.safetensors": ["c", "d"],
    }


@pytest.mark.parametrize("kind", ONE_OF_EACH)
def test_folder(made: dict[str, Path], kind: str) -> None:
    folder, entry = made[kind], ENTRIES[ONE_OF_EACH[kind]]
    manifest = verified(folder, "model.json")
    assert manifest["source"] == {"generator": "philox-uniform-1", "seed": 0}
    assert (manifest["weights"], manifest["scale"], manifest["architecture"]) == ("synthetic", "small", kind)
    shapes = architecture(kind).tensors(config_at(entry, "small"))
    with safe_open(folder / "model.safetensors", "numpy") as file:
        assert {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()} == {  # noqa: SIM118
            name: shape for name, (shape, _) in shapes.items()
        }


def test_the_same_seed_makes_the_same_files(made: dict[str, Path], tmp_path: Path) -> None:
    again, other = tmp_path / "again", tmp_path / "other"
    for folder, seed in ((again, 0), (other, 1)):
        write_model(folder, ONE_OF_EACH["t5"], ENTRIES[ONE_OF_EACH["t5"]], "small", seed, headers_only=False)
    first, second, third = (sha256_of_folder(folder) for folder in (made["t5"], again, other))
    assert first == second
    assert {name for name in first if first[name] != third[name]} == {"model.json", "model.safetensors"}


@pytest.mark.parametrize("kind", ONE_OF_EACH)
def test_answers_are_finite_and_depend_on_the_input(made: dict[str, Path], kind: str) -> None:
    module = architecture(kind)
    model = module.load(made[kind])
    assert not model.training
    inputs, again, others = (module.parity_inputs(made[kind], seed) for seed in (0, 0, 1))
    assert all(np.array_equal(inputs[0][name], again[0][name]) for name in inputs[0])
    first, other = (module.reference_outputs(model, batch[0]) for batch in (inputs, others))
    changes = {}
    for name, values in first.items():
        assert values.dtype == np.float32 and np.isfinite(values).all() and values.std() > 0
        assert values.shape == other[name].shape
        changes[name] = np.linalg.norm(values - other[name]) / np.linalg.norm(values)
    assert max(changes.values()) > 0.05
    assert 0.1 < first.get("logits", first.get("coefficients")).std() < 10


@pytest.mark.parametrize("kind", ["llama", "llava", "blip", "t5", "whisper"])
def test_transformers_finds_every_weight_and_no_other(made: dict[str, Path], kind: str) -> None:
    import transformers

    name = read_json(made[kind] / "config.json")["architectures"][0]
    _, report = getattr(transformers, name).from_pretrained(made[kind], output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]


@pytest.mark.parametrize("kind", ["llama", "llava", "blip", "t5", "whisper"])
def test_tokenizer(made: dict[str, Path], kind: str) -> None:
    """Real words are few tokens, and text comes back."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(made[kind])
    text = "the history and evolution of artificial intelligence in eighty words, briefly."
    ids = tokenizer(text).input_ids
    assert tokenizer.decode(ids, skip_special_tokens=True).strip() == text
    assert len(ids) < 30
    config = read_json(made[kind] / "config.json")
    vocabulary = config.get("text_config", config)["vocab_size"]
    assert max(ids) < len(tokenizer) <= vocabulary
    begins = {"llama": 1, "llava": 1, "blip": 101, "whisper": 50258, "t5": ids[0]}
    ends = {"t5": 1, "blip": 102, "whisper": 50257}
    assert ids[0] == begins[kind] and ids[-1] == ends.get(kind, ids[-1])


def test_whisper_tokenizer_is_openais(made: dict[str, Path]) -> None:
    from transformers import AutoTokenizer
    from whisper.tokenizer import get_tokenizer

    ours = AutoTokenizer.from_pretrained(made["whisper"])
    theirs = get_tokenizer(multilingual=True, language="en", task="transcribe")
    for text in (" And so my fellow Americans, ask not", "naïve Élan, 東京 2024!", "  two  spaces\n"):
        assert ours(text, add_special_tokens=False).input_ids == theirs.encode(text)
    assert ours.convert_tokens_to_ids("<|notimestamps|>") == theirs.no_timestamps


def test_chat_templates(made: dict[str, Path]) -> None:
    from transformers import AutoTokenizer

    llama = AutoTokenizer.from_pretrained(made["llama"])
    turns = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "yes"},
        {"role": "user", "content": "so"},
    ]
    text = llama.apply_chat_template([{"role": "system", "content": "Be brief."}, *turns], tokenize=False)
    assert text == "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nhi [/INST] yes </s><s>[INST] so [/INST]"
    llava = AutoTokenizer.from_pretrained(made["llava"])
    question = [{"type": "image"}, {"type": "text", "text": "What is this?"}]
    text = llava.apply_chat_template(
        [{"role": "user", "content": question}], tokenize=False, add_generation_prompt=True
    )
    assert text == "USER: <image>\nWhat is this? ASSISTANT:"


def test_processors_make_what_the_models_take(made: dict[str, Path]) -> None:
    from PIL import Image
    from transformers import AutoProcessor

    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8))
    blip = AutoProcessor.from_pretrained(made["blip"])(images=image, text="a picture of", return_tensors="np")
    assert blip["pixel_values"].shape == (1, 3, 224, 224)
    llava = AutoProcessor.from_pretrained(made["llava"])(
        images=image, text="USER: <image>\nWhat? ASSISTANT:", return_tensors="np"
    )
    assert llava["pixel_values"].shape == (1, 3, 112, 112)
    assert (llava["input_ids"] == 32000).sum() == 64
    whisper = AutoProcessor.from_pretrained(made["whisper"])(
        np.zeros(16000, dtype=np.float32), sampling_rate=16000, return_tensors="np"
    )
    assert whisper["input_features"].shape == (1, 80, 3000)


def test_headers_of_a_large_model(tmp_path: Path) -> None:
    result = synthesize(tmp_path / "model", "--model", "llava-1.5-13b", "--scale", "full", "--headers-only")
    assert result.returncode == 0, result.stderr
    folder = tmp_path / "model"
    assert not list(folder.glob("*.safetensors")) and not (folder / "model.json").exists()
    plan = read_json(folder / "plan.json")
    assert plan["parameters"] == 13351494656
    assert len(plan["shards"]) == 27
    assert set(read_json(folder / "model.safetensors.index.json")["weight_map"].values()) == set(plan["shards"])
    assert {"config.json", "tokenizer.json", "preprocessor_config.json"} <= {path.name for path in folder.iterdir()}


def test_a_wrong_count_of_parameters_is_refused(tmp_path: Path) -> None:
    entry = ENTRIES["t5-small"] | {"parameters": 1}
    with pytest.raises(CotejoError, match=r"t5-small\.parameters: 1: .* has 60506624"):
        write_model(tmp_path / "model", "t5-small", entry, "full", seed=0, headers_only=True)
    assert not (tmp_path / "model").exists()


def test_a_value_of_the_wrong_type_is_refused(tmp_path: Path) -> None:
    entry = ENTRIES["t5-small"] | {"full": ENTRIES["t5-small"]["full"] | {"layer_norm_epsilon": "1e-6"}}
    with pytest.raises(CotejoError, match=r"'layer_norm_epsilon' expected float, got str .* 1\.0e-5"):
        write_model(tmp_path / "model", "t5-small", entry, "full", seed=0, headers_only=True)


def test_a_misspelt_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(CotejoError, match="Did you mean 't5-small'"):
        read_entry(CATALOGUE, "t5-smal")


def test_command_leaves_nothing_half_made(tmp_path: Path) -> None:
    catalogue = tmp_path / "models.yaml"
    catalogue.write_text(yaml.safe_dump({"t5-small": ENTRIES["t5-small"] | {"parameters": 1}}), encoding="utf-8")
    result = synthesize(tmp_path / "model", "--models", str(catalogue), "--model", "t5-small", "--scale", "full")
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["models.yaml"]
