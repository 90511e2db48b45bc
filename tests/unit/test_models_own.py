"""Models of the user's own: what is looked at before any job."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from own_example import CONFIG, SMALL, add_entry, entry_of, make_folder
from safetensors.numpy import save_file
from study_example import copy_config, load

from cotejo.errors import CotejoError
from cotejo.models import own
from cotejo.models.catalogue import load_models, model_entry_digest, read_entry
from cotejo.models.own_check import check_folder, check_own
from cotejo.record import folder_name

MINE = "- {name: text, model: mine, dataset: prompts, backend: openvino, precision: int8}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "mine")


@pytest.fixture
def config(tmp_path: Path, folder: Path) -> Path:
    config = copy_config(tmp_path / "checkout")
    add_entry(config, "mine", entry_of(folder))
    return config


def only_run(config: Path, runs: str = MINE, defaults: str = "{cores: all}", overlay: str = "") -> dict[str, Any]:
    (run,) = load(config, runs, overlay, defaults).runs
    return run


def refusal(config: Path, runs: str = MINE, defaults: str = "{cores: all}", overlay: str = "") -> str:
    with pytest.raises(CotejoError) as raised:
        load(config, runs, overlay, defaults)
    return str(raised.value)


def problem(entry: dict[str, Any]) -> str:
    """What is said of a folder, after file, key and value."""
    with pytest.raises(CotejoError) as raised:
        check_folder("mine", entry)
    place = f"config/models.yaml: mine.folder: {entry['folder']}: "
    assert str(raised.value).startswith(place)
    return str(raised.value).removeprefix(place)


def test_four_lines_make_a_run_with_own_weights(config: Path) -> None:
    run = only_run(config)
    assert (run["weights"], run["scale"], run["architecture"]) == ("own", "full", "llama")


def test_only_models_with_a_folder_have_own_weights(config: Path) -> None:
    both = MINE.replace("mine", "[mine, tinyllama-1.1b-chat]")
    assert [run["weights"] for run in load(config, both, defaults="{cores: all}").runs] == ["own", "hub"]


def test_other_weights_make_another_run_and_the_same_ones_elsewhere_the_same(config: Path, folder: Path) -> None:
    before = only_run(config)["digest"]
    (folder / "README.md").write_text("A model card, and no weight")
    os.utime(folder / "model.safetensors", (1, 1))
    assert only_run(config)["digest"] == before
    moved = folder.with_name("moved")
    folder.rename(moved)
    (config / "models.yaml").write_text((config / "models.yaml").read_text().replace(str(folder), str(moved)))
    assert only_run(config)["digest"] == before
    shutil.rmtree(moved)
    make_folder(moved, value=2.0)
    assert only_run(config)["digest"] != before


def test_a_file_written_again_is_read_again_though_its_size_and_time_are_the_same(config: Path, folder: Path) -> None:
    before = only_run(config)["digest"]
    file = folder / "model.safetensors"
    told = file.stat()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(told.st_atime_ns, told.st_mtime_ns))
    assert file.stat().st_size == told.st_size
    assert only_run(config)["digest"] != before


def test_what_the_copy_was_made_of_stands_for_a_folder_out_of_reach(config: Path, folder: Path, tmp_path: Path) -> None:
    before = only_run(config)
    entry = load_models(config)["mine"]
    copy = Path(entry[own.COPY])
    copy.mkdir(parents=True)
    noted = {"sha256": own.identity("mine", entry), "stamps": own.stamps("mine", entry), "config": CONFIG}
    (copy / own.ORIGIN).write_text(json.dumps(noted))
    folder.rename(tmp_path / "elsewhere")
    assert only_run(config) == before
    assert own.config_of("mine", entry) == {"hidden_size": 64, "num_hidden_layers": 3, "torch_dtype": "float16"}
    check_own(before, entry, copy)  # nothing of the folder is needed any more
    with pytest.raises(CotejoError, match="no such folder"):
        check_own(before, entry, tmp_path / "no-copy")


def test_a_noted_folder_is_not_read_again(config: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = load_models(config)["mine"]
    copy = Path(entry[own.COPY])
    copy.mkdir(parents=True)
    (copy / own.ORIGIN).write_text(json.dumps({"sha256": "0" * 64, "stamps": own.stamps("mine", entry)}))
    assert own.identity("mine", entry) == "0" * 64
    (folder / "config.json").write_text(json.dumps(CONFIG | {"vocab_size": 5}))
    assert own.identity("mine", entry) != "0" * 64


def test_records_are_found_where_neither_folder_nor_copy_is(config: Path, folder: Path) -> None:
    """As after copying a results folder to a machine that hasn't the model: the runs keep their names."""
    run = only_run(config)
    path = config.parent / "results" / "test" / "records" / "local" / folder_name(run) / "r1.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"run": run, "started_at": "2026-01-01T00:00:00.000Z"}))
    shutil.rmtree(folder)
    assert only_run(config) == run
    shutil.rmtree(config.parent / "results")
    assert only_run(config)["digest"] != run["digest"]


def test_weights_that_the_entry_does_not_have_are_refused(config: Path) -> None:
    assert "weights: 'hub': mine is a folder of yours, not the hub's. Delete the key" in refusal(
        config, defaults="{cores: all, weights: hub}"
    )
    theirs = MINE.replace("mine", "tinyllama-1.1b-chat")
    assert "weights: 'own': config/models.yaml names no `folder` of tinyllama-1.1b-chat." in refusal(
        config, theirs, "{cores: all, weights: own}"
    )


def test_own_weights_have_no_small_scale_and_made_up_ones_only_where_the_entry_says_what_that_is(
    config: Path, folder: Path
) -> None:
    assert "scale: 'small': your own weights come at full scale only" in refusal(config, defaults="{scale: small}")
    made_up = "{cores: all, weights: synthetic}"
    assert only_run(config, defaults=made_up)["weights"] == "synthetic"
    assert "scale: 'small': config/models.yaml doesn't say what is `small` of mine. Add it there" in refusal(
        config, overlay="smoke"
    )
    add_entry(config, "also", entry_of(folder, small=SMALL))
    assert only_run(config, MINE.replace("mine", "also"), overlay="smoke")["scale"] == "small"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"repository": "a/b"}, "mine: 'repository': not allowed"),
        ({"parameters": 5}, "mine: 'parameters': not allowed"),
        ({"full": {"torch_dtype": "float32"}}, "mine: 'full': not allowed"),
        ({"architecture": "yolo", "task": "video-segmentation"}, "lacks the key 'full'"),
        ({"task": "image-captioning"}, "mine.task: image-captioning: is done by blip, not by llama"),
    ],
)
def test_an_entry_that_contradicts_itself(tmp_path: Path, folder: Path, entry: dict[str, Any], said: str) -> None:
    config = copy_config(tmp_path / "wrong")
    add_entry(config, "mine", entry_of(folder) | entry)
    assert said in refusal(config)


def test_a_model_of_the_hub_still_needs_all_its_keys(tmp_path: Path) -> None:
    config = copy_config(tmp_path / "wrong")
    add_entry(config, "mine", {"architecture": "llama", "task": "text-generation", "licence": "MIT"})
    assert "mine: lacks the key 'repository'. Where its weights are fetched; or give `folder`" in refusal(config)


def test_a_good_folder_passes(folder: Path) -> None:
    check_folder("mine", entry_of(folder))


def test_no_such_folder(tmp_path: Path, folder: Path) -> None:
    assert problem(entry_of(tmp_path / "none")).startswith("no such folder. Mend the path")
    assert problem(entry_of(folder / "config.json")).startswith("is no folder.")
    assert "no such folder" in problem(entry_of(Path("~/no-such-model")))


def test_paths_start_at_the_home_or_at_the_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert own.folder_of("mine", {"folder": "~/a"}) == tmp_path / "a"
    assert own.folder_of("mine", {"folder": "models/a"}) == own.ROOT / "models" / "a"
    with pytest.raises(CotejoError, match="Write the path without ~"):
        own.folder_of("mine", {"folder": "~nobody-of-that-name/a"})


def test_links_that_lead_nowhere(tmp_path: Path, folder: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert problem(entry_of(loop)).startswith("a symbolic link that leads back to itself")
    for target, said in (("config.json", "leads back to itself"), ("gone", "to what isn't there")):
        (folder / "config.json").unlink()
        (folder / "config.json").symlink_to(folder / target)
        assert problem(entry_of(folder)).startswith("config.json: a symbolic link ") and said in problem(
            entry_of(folder)
        )


def test_what_may_not_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.open

    def refuse(path: Path, *arguments: Any, **more: Any) -> Any:
        if path.name == "model.safetensors":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *arguments, **more)

    monkeypatch.setattr(Path, "open", refuse)
    assert problem(entry_of(folder)) == "model.safetensors: may not be read. `chmod u+rX` it, or ask its owner"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (CONFIG | {"auto_map": {"AutoModel": "modeling.Mine"}}, "auto_map: AutoModel: wants code of its own"),
        (CONFIG | {"model_type": "t5"}, "model_type: t5: but the entry says `architecture: llama`. Set `arch"),
        (CONFIG | {"model_type": "gpt2"}, "gpt2: but the entry says `architecture: llama`. Measurable: llama,"),
        (CONFIG | {"quantization_config": {"quant_method": "gptq"}}, "quantization_config: gptq: its weights"),
        ([], "config.json: must be a mapping"),
    ],
)  # fmt: skip
def test_a_configuration_that_can_not_be_measured(tmp_path: Path, config: Any, said: str) -> None:
    assert said in problem(entry_of(make_folder(tmp_path / "wrong", config)))


def test_no_configuration(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    assert problem(entry_of(folder)).startswith("config.json: not valid JSON")
    (folder / "config.json").unlink()
    assert problem(entry_of(folder)).startswith("holds no config.json")
    (folder / "adapter_config.json").write_text("{}")
    assert problem(entry_of(folder)).startswith("holds an adapter (adapter_config.json), not a model. Merge it")


def test_weights_that_are_pickled_or_gone_or_cut_short(folder: Path) -> None:
    whole = folder / "model.safetensors"
    content = whole.read_bytes()
    for wrong, said in (
        (content[:-1], f"holds {len(content) - 1} bytes of {len(content)}"),
        (b"x" * 40, "no safetensors file, or cut short"),
    ):
        whole.write_bytes(wrong)
        assert problem(entry_of(folder)) == f"model.safetensors: {said}. Copy it again, or save the model again"
    whole.unlink()
    assert problem(entry_of(folder)).startswith("holds no model.safetensors")
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    assert problem(entry_of(folder)).startswith("pytorch_model.bin: its weights are pickled")


def test_files_that_an_index_lists(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    parts = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    for part in parts:
        save_file({}, folder / part)
    assert problem(entry_of(folder)).startswith("model.safetensors.index.json: is missing")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": dict(zip("ab", parts, strict=True))}))
    check_folder("mine", entry_of(folder))
    (folder / parts[1]).unlink()
    assert problem(entry_of(folder)).startswith(f"{parts[1]}: is missing")
    index.write_text("[]")
    assert problem(entry_of(folder)).startswith("model.safetensors.index.json: doesn't say which file")


def test_what_a_task_needs_beside_weights(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    said = problem(entry_of(folder))
    assert said == (
        "holds no tokenizer.json, which text-generation needs. Write the tokenizer there, too, by "
        "`tokenizer.save_pretrained(…)`"
    )
    check_folder("mine", entry_of(folder), weights=False)  # synthetic weights come with one


def test_a_checkpoint_of_ultralytics(tmp_path: Path) -> None:
    entry = entry_of(tmp_path) | {"architecture": "yolo", "task": "video-segmentation", "full": {}}
    assert problem(entry).startswith("holds no .pt file")
    (tmp_path / "best.pt").write_bytes(b"x")
    check_folder("mine", entry)
    (tmp_path / "last.pt").write_bytes(b"x")
    assert problem(entry).startswith("holds best.pt, last.pt. Leave exactly one")


def test_what_a_rule_follows_of_an_entry(config: Path, folder: Path) -> None:
    before = model_entry_digest("mine", load_models(config)["mine"])
    save_file({}, folder / "model.safetensors")
    assert model_entry_digest("mine", load_models(config)["mine"]) == before
    (folder / "config.json").write_text(json.dumps(CONFIG | {"hidden_size": 128}))
    assert model_entry_digest("mine", load_models(config)["mine"]) != before


def test_reading_an_entry_by_hand_reads_its_folder(config: Path, folder: Path) -> None:
    assert read_entry(config / "models.yaml", "mine")["full"]["hidden_size"] == 64
    shutil.rmtree(folder)
    with pytest.raises(CotejoError, match="no such folder"):
        read_entry(config / "models.yaml", "mine")
