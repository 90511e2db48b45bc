"""What a study adds to the disk: only what isn't there, and with what isn't known named."""

import pytest

from cotejo.command import ROOT
from cotejo.estimate_disk import SMALL_BYTES, DiskUse, disk_use, gigabytes, weight_bytes
from cotejo.record import folder_name
from cotejo.schema import load_yaml
from cotejo.study import load_study

MODELS = load_yaml(ROOT / "config/models.yaml", "models")
LLAMA = 6_738_415_616  # parameters


def use_of(study, root, overlay=""):
    loaded = load_study(study, overlay)
    return disk_use(loaded.runs, MODELS, {}, root, root / "results" / loaded.results)


def test_models_and_exports_are_counted_once_by_parameters_and_precision(tmp_path):
    runs = [run for run in load_study("edge-cloud").runs if run["model"] == "llama-2-7b-chat" and run["format"]]
    use = disk_use(runs, MODELS, {}, tmp_path, tmp_path / "results/edge-cloud")
    assert use.known["models"] == LLAMA * 2  # float16
    precisions = {run["precision"] for run in runs}
    assert use.known["exports"] >= LLAMA * sum({"fp16": 2, "int8": 1, "int4": 0.5}[each] for each in precisions)


def test_what_is_there_adds_nothing(tmp_path):
    [run, *_] = load_study("demo").runs
    before = use_of("demo", tmp_path)
    assert before.known == {"models": 4 * SMALL_BYTES, "exports": 4 * SMALL_BYTES}
    (tmp_path / "resources/models" / run["model"] / "synthetic-small").mkdir(parents=True)
    assert use_of("demo", tmp_path).known["models"] == 3 * SMALL_BYTES
    for each in load_study("demo").runs:
        folder = tmp_path / "results/demo/records/local" / folder_name(each)
        folder.mkdir(parents=True)
        for number in range(1, 7):
            (folder / f"r{number}.json").write_text("{}")
    done = use_of("demo", tmp_path)
    assert (done.known, done.uncounted) == ({}, [])


def test_what_nobody_knows_is_named(tmp_path):
    use = use_of("cml-vllm-ray", tmp_path)
    assert "environment vllm" in use.uncounted and "records" in use.uncounted
    assert any(each.startswith("data set ") for each in use.uncounted)
    assert "not counted: " in use.words()


def test_quantised_weights_are_counted_with_what_lies_beside_them():
    run = {"model": "llama-2-7b-chat", "scale": "full", "precision": "int4"}
    assert weight_bytes(run, MODELS["llama-2-7b-chat"], exported=True) == pytest.approx(LLAMA * 0.5 * 1.15)


@pytest.mark.parametrize(("free", "warns"), [(14e9, False), (13e9, True)])
def test_a_disk_that_is_too_small_is_warned_of_in_one_line(free, warns):
    use = DiskUse({"models": 13.4e9}, [], free)
    assert bool(use.warning()) == warns
    if warns:
        assert use.warning() == (
            "the disk has 13 GB free, about 0.4 GB less than this will need: "
            "free some, or make resources/ a link to a larger disk"
        )


def test_sizes_are_no_finer_than_they_are_known():
    assert [gigabytes(size) for size in (1e6, 0.44e9, 13.477e9)] == ["under 0.1 GB", "0.4 GB", "13 GB"]
    assert DiskUse({"models": 13.4e9, "exports": 0.7e9}, [], 45e9).words() == (
        "about 14 GB (models 13 GB, exports 0.7 GB), 45 GB free"
    )
    assert DiskUse({"records": 1e6}, ["environment vllm"], 45e9).words() == (
        "under 0.1 GB (records under 0.1 GB), 45 GB free; not counted: environment vllm"
    )
