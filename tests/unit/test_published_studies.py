"""Every published row that something re-measures finds its line in the study, with an overlay and without."""

from collections import Counter

import pytest

from cotejo.command import ROOT
from cotejo.load import levels_of
from cotejo.overlay import gpus
from cotejo.published.rows import read_published
from cotejo.resolve import Run
from cotejo.schema import names_in
from cotejo.stand_in import asked
from cotejo.study import load_study

# The published rows that each block re-measures, counted by hand in the documents: rate and time of each level; time
# and rate of three iterations and of their mean, on two systems; eight numbers of hey; eight of seconds and eight of
# characters a second. Of edge-cloud the document gives commands alone: one row for each number and system.
COUNTED = {
    "chameleon-blip-triton": {"cpu": 4 * 2, "gpu-batching": 8 * 2, "two-gpus": 10 * 2, "tensorrt": 4 * 2},
    "ccad-llava-a30": dict.fromkeys(("7b-one-gpu", "7b-two-gpus", "13b-two-gpus"), 4 * 2 * 2 + 2),
    "cml-vllm-ray": {
        **{f"throughput-tp{n}": 2 for n in (1, 2, 4)}, **{f"latency-tp{n}": 1 for n in (1, 2, 4)},
        "hey-tp1": 8, "hey-tp4": 8,
    },
    "cml-t5-deepspeed": {
        "t5-small": 2, "t5-large": 2, "t5-small-zero1": 2, "t5-large-zero1": 2, "t5-large-zero1-two": 2,
        "t5-large-zero3-offload": 2,
        "t5-3b": 2, "t5-3b-zero3-offload": 2,
    },
    "multimodal-cloud": {"pytorch": 8 * 2},
    "edge-cloud": {"llm": 4, "video": 4, "audio": 4, "tgi": 2 * 3},
}  # fmt: skip
# What the documents lack, or give no numbers of.
ADDED = {
    "chameleon-blip-triton": {"one-gpu", "tensorrt-engine"},
    "cml-vllm-ray": {
        f"{name}-mp" for name in ("throughput-tp2", "throughput-tp4", "latency-tp2", "latency-tp4", "hey-tp4")
    },
    "multimodal-cloud": {"llama.cpp"},
    "cml-t5-deepspeed": {"t5-small-data-parallel", "t5-large-data-parallel", "t5-large-data-parallel-two"},
    "edge-cloud": {"llm-genai", "audio", "llm-cores", "video-cores", "audio-cores"},  # audio by PyTorch
}


def text(value: object) -> str:
    return "" if value is None else str(value)


def fits(row: dict[str, str], line: Run) -> bool:
    """Whether a line is what a published row tells of, as far as the row says."""
    wanted = asked({"accelerators": gpus(line), **line})
    levels = {text(level.concurrency) for level in levels_of(wanted)} if wanted.get("server") else {""}
    settings = ("model", "backend", "precision", "accelerators", "split", "task")
    return (
        line["name"] == row["run"]
        and all(not row[key] or row[key] == text(wanted.get(key)) for key in settings)
        and (not row["concurrency"] or not wanted.get("server") or row["concurrency"] in levels)
    )


def test_every_file_of_published_rows_is_a_studys() -> None:
    studies = {name: load_study(name).published for name in names_in(ROOT / "config/studies")}
    named = {path.name for path in studies.values() if path}
    assert named == {path.name for path in (ROOT / "config/published").glob("*.csv")}
    assert {name for name, path in studies.items() if path} == set(COUNTED)


@pytest.mark.parametrize("study", COUNTED)
def test_as_many_rows_as_the_document_prints_are_re_measured(study: str) -> None:
    path = load_study(study).published
    assert path
    rows = read_published(path).to_dict("records")
    assert Counter(row["run"] for row in rows if row["run"]) == COUNTED[study]


@pytest.mark.parametrize("overlay", ["", "smoke"])
@pytest.mark.parametrize("study", COUNTED)
def test_every_published_row_finds_its_line(study: str, overlay: str) -> None:
    loaded = load_study(study, overlay)
    assert loaded.published
    rows = [row for row in read_published(loaded.published).to_dict("records") if row["run"]]
    for row in rows:
        found = [line for line in loaded.lines if fits(row, line)]
        precisions = {line["precision"] for line in found}
        assert found, row
        assert len(found) == (1 if row["precision"] else len(precisions)), row
    matched = {line["id"] for line in loaded.lines for row in rows if fits(row, line)}
    others = {line["name"] for line in loaded.lines if line["id"] not in matched}
    assert others == ADDED.get(study, set())


@pytest.mark.parametrize("study", COUNTED)
def test_under_smoke_no_line_asks_for_what_a_laptop_lacks(study: str) -> None:
    loaded = load_study(study, "smoke")
    assert loaded.lines
    for run in loaded.runs:
        assert (run["device"], run["weights"], run["scale"], run["repeats"]) == ("cpu", "synthetic", "small", 2)
        assert run["dataset"] not in ("vizwiz-vqa", "sharegpt", "wikisql")
        assert run.get("server") != "tgi"
    assert all(int(line["needs"].split()[0]) > 1 for line in loaded.needing)
    assert {line["name"] for line in loaded.lines} == {line["name"] for line in load_study(study).lines}


def test_levels_are_those_of_the_document() -> None:
    loaded = load_study("chameleon-blip-triton")
    assert loaded.published
    rows = read_published(loaded.published).to_dict("records")
    for line in loaded.lines:
        published = {int(row["concurrency"]) for row in rows if row["run"] == line["name"]}
        if published:
            assert published == {level.concurrency for level in levels_of(line)}, line["name"]
