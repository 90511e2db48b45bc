"""The published rows against the documents' own lines, and what a malformed file says."""

import math
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from cotejo.command import ROOT
from cotejo.errors import CotejoError
from cotejo.published.rows import COLUMNS, KEYS, our_metric, read_published

PUBLISHED = ROOT / "config/published"
LINES = ROOT / "tests/fixtures/published"
HEADER = ",".join(COLUMNS)

Row = dict[str, str]


def rows(study: str, **where: str) -> list[Row]:
    """A study's rows with these cells, as text."""
    return [row for row in table(study) if all(row[column] == value for column, value in where.items())]


@cache
def table(study: str) -> list[Row]:
    return read_published(PUBLISHED / f"{study}.csv").to_dict("records")  # type: ignore[return-value]


def values(study: str, metric: str, statistic: str, **where: str) -> list[str]:
    return [row["value"] for row in rows(study, metric=metric, statistic=statistic, **where)]


def lines(name: str) -> list[str]:
    return (LINES / name).read_text(encoding="utf-8").splitlines()


def seconds(text: str) -> str:
    """ "2193" of "36:33"."""
    minutes, rest = text.split(":")
    return str(60 * int(minutes) + int(rest))


# Each document, line by line.


def blocks_of_llava() -> Iterator[tuple[dict[str, str], list[str]]]:
    """Of each block of the log: what was measured, and its three lines."""
    systems, where = {"MendietaF2": "mendieta", "NodoIA": "nodoai"}, {}
    log = lines("ccad-llava-a30.txt")
    for number, line in enumerate(log):
        if line in systems:
            where["system"] = systems[line]
        elif match := re.match(r"LLaVA-1.5 (\d+)B", line):
            where["model"] = f"llava-1.5-{match[1]}b"
        elif match := re.match(r"Split Across (\d) GPU", line):
            where["accelerators"] = match[1]
            yield dict(where), log[number + 1 : number + 4]


def test_llava_every_pass_and_every_mean():
    blocks = list(blocks_of_llava())
    assert len(blocks) == 6
    for where, (bars, mean, rate) in blocks:
        passes = re.findall(r"6081/6081 \[(\d\d:\d\d)<00:00, (\d\.\d\d)it/s\]", bars)
        assert len(passes) == 3
        for number, (time, speed) in enumerate(passes, start=1):
            name = f"iteration{number}"
            assert values("ccad-llava-a30", "wall_time", name, **where) == [seconds(time)]
            assert values("ccad-llava-a30", "inference_rate", name, **where) == [speed]
        assert values("ccad-llava-a30", "wall_time", "mean", **where) == [mean.split()[3]]
        assert values("ccad-llava-a30", "inference_rate", "mean_log", **where) == [rate.split()[1]]
        assert values("ccad-llava-a30", "pairs", "count", **where) == ["6081"]


def test_llava_the_table_at_the_end():
    cells = [line.split(" | ") for line in lines("ccad-llava-a30.txt") if re.match(r"\d GPUs? \|", line)]
    assert len(cells) == 3
    for model, (gpus, mendieta, nodoai) in zip(("7b", "7b", "13b"), cells, strict=True):
        where = {"model": f"llava-1.5-{model}", "accelerators": gpus[0]}
        for system, cell in (("mendieta", mendieta), ("nodoai", nodoai)):
            printed = cell.removesuffix(" |").removesuffix(" inf/s")
            assert values("ccad-llava-a30", "inference_rate", "mean", system=system, **where) == [printed]


def test_triton_every_level():
    runs = {"base_model_cpu": "cpu", "base_model_gpu": "gpu-batching", "base_model_multi_gpu": "two-gpus"}
    run, seen = "", 0
    for line in lines("chameleon-blip-triton.txt"):
        if match := re.match(r"perf_analyzer -m (\w+)", line):
            run = runs.get(match[1], "tensorrt")
        elif match := re.match(r"Concurrency: (\d+), throughput: (\S+) infer/sec, latency (\d+) usec", line):
            where = {"run": run, "concurrency": match[1]}
            assert values("chameleon-blip-triton", "request_throughput", "mean", **where) == [match[2]]
            assert values("chameleon-blip-triton", "latency", "mean", **where) == [match[3]]
            seen += 2
    assert seen == len(rows("chameleon-blip-triton")) - len(rows("chameleon-blip-triton", run="tensorrt")) == 44
    assert values("chameleon-blip-triton", "latency", "mean", run="tensorrt") == [""] * 4  # no result is printed


def test_vllm_throughput_and_latency():
    gpus, seen = "", 0
    for line in lines("cml-vllm-ray.txt"):
        if match := re.match(r"- (\d) GPU node", line):
            gpus = match[1]
        client = "vllm-bench-throughput" if "prompts:" in line or "Throughput" in line else "vllm-bench-latency"
        where = {"accelerators": gpus, "client": client}
        if match := re.search(r"(\d+)/\1 \[(\d\d:\d\d)<00:00, +(\S+)(it/s|s/it)\]", line):
            assert values("cml-vllm-ray", "total_time", "total", **where) == [seconds(match[2])]
            assert values("cml-vllm-ray", "progress", "mean", unit=match[4], **where) == [match[3]]
            seen += 1
        elif match := re.match(r"Throughput: (\S+) requests/s, (\S+) tokens/s", line):
            assert values("cml-vllm-ray", "request_throughput", "mean", **where) == [match[1]]
            assert values("cml-vllm-ray", "token_throughput", "mean", **where) == [match[2]]
            seen += 1
        elif match := re.match(r"Avg latency: (\S+) seconds", line):
            assert values("cml-vllm-ray", "latency", "mean", **where) == [match[1]]
            seen += 1
    assert seen == 12


def test_vllm_log():
    logged = [line for line in lines("cml-vllm-ray.txt") if line.startswith("INFO")]
    for metric, pattern in (
        ("generation_throughput", r"generation throughput: (\S+) tokens/s"),
        ("prompt_throughput", r"prompt throughput: (\S+) tokens/s"),
        ("running", r"Running: (\d+) reqs"),
        ("kv_cache_used", r"GPU KV cache usage: (\S+)%"),
    ):
        printed = [match[1] for line in logged if (match := re.search(pattern, line))]
        assert values("cml-vllm-ray", metric, "snapshot") == printed
        assert len(printed) == 2


@pytest.mark.parametrize("gpus", ["1", "4"])
def test_hey_histogram_and_details(gpus):
    report = (ROOT / f"tests/fixtures/hey-vllm-tp{gpus}.txt").read_text(encoding="utf-8")
    histogram = re.findall(r"^\s+(\d+\.\d+) \[(\d+)\]\s", report, flags=re.MULTILINE)
    assert len(histogram) == 11
    for edge, count in histogram:
        assert values("cml-vllm-ray", "responses", f"up to {edge} s", accelerators=gpus) == [count]
    details = re.findall(r"(DNS\+dialup|DNS-lookup|req write|resp wait|resp read):\t(.+)", report)
    assert len(details) == 5
    for name, cells in details:
        printed = [cell.removesuffix(" secs") for cell in cells.split(", ")]
        of_part = [row["value"] for row in rows("cml-vllm-ray", accelerators=gpus, note=f"printed as '{name}'")]
        assert of_part == printed


def test_t5_every_cell_of_the_table():
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines("cml-t5-deepspeed.txt")[1:]]
    assert len(cells) == 8
    splits = {"w/o deepspeed": "", "deepspeed ZeRO-1": "zero1", "deepspeed ZeRO-3 Offload": "zero3-offload"}
    for model, technique, nodes, duration, epochs, memory in cells:
        where = {"model": model, "split": splits[technique], "accelerators": nodes}
        printed = [duration.removeprefix("~").removesuffix(" secs"), memory.removesuffix(" GB"), epochs]
        assert [row["value"] for row in rows("cml-t5-deepspeed", **where)] == printed


def test_llava_worker_every_percentile():
    names = {"Mean": "mean", "Median": "p50"}
    for line in lines("multimodal-cloud-timing.txt"):
        match = re.match(r"(\w+)%? += (\S+) s, (\S+) chars?/s", line)
        assert match
        statistic = names.get(match[1], f"p{match[1]}")
        assert values("multimodal-cloud", "latency", statistic) == [match[2]]
        assert values("multimodal-cloud", "char_throughput", statistic) == [match[3]]
    assert len(rows("multimodal-cloud", run="pytorch")) == 2 * len(lines("multimodal-cloud-timing.txt")) == 16


def test_systems_as_the_table_has_them():
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines("edge-cloud.txt")]
    systems = ["xr4520c", "r760xa", "m6i.8xlarge", "m7i.48xlarge", "xr4520c-a30", "g5.8xlarge"]
    for system, (_, _, cores, sockets, vcpus, *rest) in zip(systems, cells, strict=True):
        for metric, printed in (("cores_per_socket", cores), ("sockets", sockets), ("vcpus", vcpus)):
            assert values("edge-cloud", metric, "count", system=system) == [printed]
        price = [cell.split()[0] for cell in rest if cell.endswith("USD")]
        assert values("edge-cloud", "price", "on demand", system=system) == price


# In our words.


def test_numbers_in_the_unit_of_our_metric():
    triton = rows("chameleon-blip-triton", run="cpu", concurrency="1", metric="latency")[0]
    assert (triton["ours"], triton["in_ours"]) == ("latency_mean_ms", pytest.approx(92.589))
    llava = rows("ccad-llava-a30", metric="wall_time", statistic="mean")[0]
    assert (llava["ours"], llava["in_ours"]) == ("pass_s", 1992.96)
    memory = rows("cml-t5-deepspeed", metric="gpu_memory_per_node", value="15")[0]
    assert (memory["ours"], memory["in_ours"]) == ("gpu_memory_peak_mib", 15 * 1024)
    oom = rows("cml-t5-deepspeed", value="OOM")[0]
    assert oom["ours"] == "gpu_memory_peak_mib" and math.isnan(oom["in_ours"])


@pytest.mark.parametrize(
    ("metric", "statistic", "ours"),
    [
        ("latency", "p99", "latency_p99_ms"),
        ("latency", "p0", ""),
        ("latency", "min", ""),
        ("char_throughput", "p1", "characters_p1_per_s"),
        ("char_throughput", "mean", "characters_mean_per_s"),
        ("inference_rate", "iteration2", "inferences_per_s"),
        ("inference_rate", "mean_log", ""),
        ("generation_throughput", "snapshot", ""),
        ("train_time", "approx", "train_s"),
        ("gpu_power", "snapshot", ""),
    ],
)
def test_our_metric(metric, statistic, ours):
    assert our_metric(metric, statistic) == ours


@pytest.mark.parametrize("path", sorted(PUBLISHED.glob("*.csv")), ids=lambda path: path.stem)
def test_what_a_metric_of_ours_tells_is_re_measured(path):
    for row in read_published(path).to_dict("records"):
        assert row["run"] or not row["ours"], row


# What is wrong with a file.

GOOD = dict.fromkeys(COLUMNS, "") | {
    "study": "x", "system": "s", "client": "hey", "metric": "latency", "statistic": "mean", "value": "1.5", "unit": "s",
}  # fmt: skip


def written(folder: Path, *changes: dict[str, str], header: str = HEADER) -> Path:
    """x.csv with a row for each set of changes to a good one."""
    path = folder / "x.csv"
    lines = [",".join((GOOD | change)[column] for column in COLUMNS) for change in changes]
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def test_a_good_file(tmp_path):
    read = read_published(written(tmp_path, {}, {"statistic": "p50"}))
    assert list(read["in_ours"]) == [1500, 1500]
    assert list(read.columns) == [*COLUMNS, "ours", "in_ours"]
    assert set(KEYS) < set(COLUMNS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([{"value": "1,5"}], "x.csv: line 2: row: '.*': has 17 cells, not 16. Quote what holds a comma"),
        ([{}, {"value": "fast", "statistic": "p50"}], "x.csv: line 3: value: 'fast': must be the number as printed"),
        ([{"value": "-1"}], "x.csv: line 2: value: '-1': must be the number as printed"),
        ([{"unit": "sec"}], "x.csv: line 2: unit: 'sec': no unit of that name"),
        ([{"unit": "MiB"}], "x.csv: line 2: unit: 'MiB': no unit of latency. Allowed: s, ms, us"),
        ([{"accelerators": "two"}], "x.csv: line 2: accelerators: 'two': must be a whole number, or blank"),
        ([{"study": "y"}], "x.csv: line 2: study: 'y': must be the file's name, x. Change one"),
        ([{"model": "LLaVA"}], "x.csv: line 2: model: 'LLaVA': must be small letters"),
        ([{"metric": ""}], "x.csv: line 2: metric: '': must be small letters"),
        ([{}, {}], "x.csv: line 3: metric: 'latency': is that of line 2. Delete one"),
        ([{"note": '"cut'}], "x.csv: line 2: no CSV: .*. Mend that line"),
        ([], "x.csv: line 2: missing: there is no row"),
    ],
)
def test_a_malformed_row_says_where_and_what_to_do(tmp_path, changes, message):
    with pytest.raises(CotejoError, match=message):
        read_published(written(tmp_path, *changes))


def test_a_wrong_header(tmp_path):
    with pytest.raises(CotejoError, match=r"line 1: header: 'study,sut': must be study,system,run,.*\. Copy that line"):
        read_published(written(tmp_path, {}, header="study,sut"))


def test_a_missing_file(tmp_path):
    with pytest.raises(CotejoError, match=r"y\.csv: no such file"):
        read_published(tmp_path / "y.csv")
