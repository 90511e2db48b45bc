"""From a study's YAML to its runs: how axes multiply, what identifies a run, what an overlay changes."""

import shutil
from pathlib import Path

import pytest
from study_example import TEXT, VIDEO, copy_config, load

from cotejo.command import ROOT
from cotejo.errors import CotejoError
from cotejo.study import load_config, load_study


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return copy_config(tmp_path)


def test_list_valued_settings_multiply(config: Path) -> None:
    runs = load(config, TEXT.replace("int8", "[int8, int4]").replace("cores: all", "cores: [1, all]")).runs
    assert [(run["precision"], run["cores"]) for run in runs] == [
        ("int8", 1),
        ("int8", "all"),
        ("int4", 1),
        ("int4", "all"),
    ]
    assert len({run["digest"] for run in runs}) == 4


def test_a_run_holds_what_the_registries_say_of_it(config: Path) -> None:
    [run] = load(config, TEXT).runs
    assert run["task"] == "text-generation"
    assert run["architecture"] == "llama"
    assert run["format"] == "openvino"
    assert run["new_tokens"] >= 2
    assert "codec" not in run


def test_ids_are_readable_and_digests_are_pinned_by_settings_alone(config: Path) -> None:
    [alone] = load(config, VIDEO).runs
    assert alone["id"] == "video_yolov8n-seg_street-video_openvino_fp32_allc"
    beside = load(config, f"{TEXT}\n{VIDEO}\n{VIDEO.replace('name: video', 'name: mjpeg')[:-1]}, codec: mjpeg}}").runs
    assert beside[1]["id"] == alone["id"]
    assert beside[1]["digest"] == alone["digest"]
    assert beside[2]["id"] == "mjpeg_yolov8n-seg_street-video_openvino_fp32_allc_mjpeg"


@pytest.mark.parametrize("changed", ["duration_s: 3", "seed: 1", "compute_precision: bf16", "cores: 1", "warmup_s: 1"])
def test_every_setting_counts_in_the_digest(config: Path, changed: str) -> None:
    [plain] = load(config, VIDEO).runs
    [other] = load(config, f"{VIDEO[:-1]}, {changed}}}").runs
    assert other["digest"] != plain["digest"]


def test_repeats_and_names_do_not_count_in_the_digest(config: Path) -> None:
    [plain] = load(config, VIDEO).runs
    [other] = load(config, f"{VIDEO.replace('name: video', 'name: film')[:-1]}, repeats: 9}}").runs
    assert other["digest"] == plain["digest"]


def test_another_revision_of_a_model_is_another_run(config: Path) -> None:
    [run] = load(config, VIDEO, defaults="{}").runs
    models = config / "models.yaml"
    text = models.read_text()
    start = text.index("yolov8n-seg:")
    revision = text.index("revision:", start)
    line = text[revision : text.index("\n", revision)]
    models.write_text(text[:revision] + text[revision:].replace(line, f"revision: {'a' * 64}", 1))
    [other] = load(config, VIDEO, defaults="{}").runs
    assert other["digest"] != run["digest"]
    [synthetic] = load(config, VIDEO).runs
    models.write_text(text)
    assert load(config, VIDEO).runs[0]["digest"] == synthetic["digest"]


def test_a_later_layer_wins(config: Path) -> None:
    [run] = load(config, f"{VIDEO[:-1]}, repeats: 4}}", defaults="{repeats: 3, duration_s: 7, weights: hub}").runs
    assert (run["repeats"], run["duration_s"], run["warmup_s"], run["weights"]) == (4, 7, 10, "hub")
    [run] = load(config, f"{VIDEO[:-1]}, repeats: 4}}", overlay="smoke").runs
    assert (run["repeats"], run["weights"], run["scale"]) == (2, "synthetic", "small")


def test_settings_of_the_stopping_rule_belong_to_runs_that_have_it(config: Path) -> None:
    [plain] = load(config, VIDEO).runs
    assert plain["stop_width"] is None
    assert not plain.keys() & {"stop_percentile", "stop_least_s"}
    [stopping] = load(config, f"{VIDEO[:-1]}, stop_width: 0.02}}").runs
    assert [stopping[key] for key in ("stop_width", "stop_percentile", "stop_least_s")] == [0.02, 50, 10]
    assert stopping["id"] == plain["id"]
    assert stopping["digest"] != plain["digest"]
    both = load(config, f"{VIDEO[:-1]}, stop_width: [null, 0.02], stop_percentile: 90}}").runs
    assert both[0]["digest"] == plain["digest"]  # what only the rule reads is no setting of a run without it
    assert both[1]["stop_percentile"] == 90


def test_the_stopping_rule_works_under_the_smoke_overlay(config: Path) -> None:
    [run] = load(config, f"{VIDEO[:-1]}, stop_width: 0.02}}", overlay="smoke").runs
    assert (run["stop_width"], run["stop_least_s"], run["duration_s"]) == (0.02, 0.5, 1)
    [run] = load(config, VIDEO, overlay="smoke").runs
    assert "stop_least_s" not in run


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("stop_percentile: 90", r"runs\[0\]\.stop_percentile: needs stop_width\. Give both, or none"),
        ("stop_least_s: 5", r"runs\[0\]\.stop_least_s: needs stop_width"),
        (
            "stop_width: 0.02, stop_least_s: 30, duration_s: 20",
            r"runs\[0\]\.stop_least_s: 30: more than duration_s, 20, so it never stops\. Lower it",
        ),
        ("stop_width: 0.02, duration_s: 5", r"runs\[0\]\.stop_least_s: 10: more than duration_s, 5"),
        ("stop_width: 2", r"runs\[0\]\.stop_width: 2: must be at most 0\.1\. Lower it"),
        ("stop_width: 0", r"runs\[0\]\.stop_width: 0: must be more than 0\. Raise it"),
        ("stop_width: 0.02, stop_percentile: 75", r"runs\[0\]\.stop_percentile: 75: not allowed"),
    ],
)
def test_a_stopping_rule_that_cannot_work_is_refused(config: Path, settings: str, message: str) -> None:
    with pytest.raises(CotejoError, match=message):
        load(config, f"{VIDEO[:-1]}, {settings}}}")


def test_runs_alike_under_an_overlay_are_measured_once_and_named(config: Path) -> None:
    study = load(config, f"{VIDEO[:-1]}, cores: [1, all]}}", overlay="smoke")
    assert len(study.runs) == 1
    assert study.results == "test-smoke"
    [merged] = study.merged
    assert merged["measured_as"] == study.runs[0]["id"]
    assert study.lines == [*study.runs, merged]
    assert merged["digest"] == load(config, f"{VIDEO[:-1]}, cores: [1, all]}}").runs[1]["digest"]


def test_an_overlay_takes_one_value_for_each_setting(config: Path) -> None:
    (config / "overlays" / "two.yaml").write_text("title: Two\nset: {precision: [fp32, int8]}\n")
    with pytest.raises(CotejoError, match=r"two\.yaml: set\.precision: .*takes one value"):
        load(config, VIDEO, overlay="two")


def test_an_overlay_may_set_what_only_some_runs_have(config: Path) -> None:
    (config / "overlays" / "short.yaml").write_text("title: Short\nset: {new_tokens: 8}\n")
    text, video = load(config, f"{TEXT}\n{VIDEO}", overlay="short").runs
    assert text["new_tokens"] == 8
    assert video["digest"] == load(config, VIDEO).runs[0]["digest"]
    with pytest.raises(CotejoError, match=r"runs\[0\]\.new_tokens: 4: is no option of video-segmentation"):
        load(config, f"{VIDEO[:-1]}, new_tokens: 4}}", overlay="short")


def test_a_study_named_like_an_overlaid_one_is_refused(config: Path) -> None:
    shutil.copy(config / "studies" / "demo.yaml", config / "studies" / "test-smoke.yaml")
    with pytest.raises(CotejoError, match=r"test-smoke\.yaml: its results would share a folder"):
        load(config, VIDEO, overlay="smoke")


@pytest.mark.parametrize("name", [path.stem for path in sorted((ROOT / "config/studies").glob("*.yaml"))])
@pytest.mark.parametrize("overlay", ["", "smoke"])
def test_every_shipped_study_expands(name: str, overlay: str) -> None:
    study = load_study(name, overlay)
    assert study.runs
    assert len({run["digest"] for run in study.runs}) == len(study.runs)


def test_the_shipped_configuration_follows_its_schema() -> None:
    import yaml

    values = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    assert load_config(values) == values


def test_environments_on_the_command_line_are_refused_for_the_commands_read_them_in_the_file() -> None:
    import yaml

    values = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    values["environments"] = {"vllm": {"python": "/opt/vllm/bin/python"}}
    with pytest.raises(CotejoError, match=r"^--config: environments: .*: is read in config/config\.yaml by"):
        load_config(values)
