"""docs/reference/ says what the code writes: every column, metric, verdict and reason, and nothing else."""

import ast
import inspect
import re
import sys
from pathlib import Path

import pandas as pd
import pytest
from nvml_example import FakeNvml
from serving_example import level as served_level
from serving_example import request, samples
from telemetry_example import Machine

from cotejo import labels, serving_metrics, standing, summary, tasks, verdict
from cotejo.clients import client
from cotejo.command import ROOT
from cotejo.reference import columns, verdicts
from cotejo.reference.metrics import COUNTERS, METRICS, SERVED, TELEMETRY, described
from cotejo.reference.pages import PAGES
from cotejo.samples import COLUMNS
from cotejo.schema import names_in, schema_of
from cotejo.sheet import sheet_text
from cotejo.study import load_study
from cotejo.telemetry.metrics import resource_metrics
from cotejo.telemetry.sampler import open_sources
from cotejo.verdict import gpus, quiet

TABLES = {table.file: table for table in columns.tables()}


@pytest.mark.parametrize("name", PAGES)
def test_the_committed_page_is_what_the_code_makes(name):
    assert (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


@pytest.mark.parametrize("name", TABLES)
def test_no_column_is_described_that_is_not_written(name):
    assert set(columns.OWN[name]) <= set(TABLES[name].columns)


def test_no_shared_description_is_left_over():
    written = {re.sub("^(baseline|candidate)_", "", each) for table in TABLES.values() for each in table.columns}
    assert set(columns.SHARED) <= written


@pytest.mark.parametrize("study", names_in(ROOT / "config" / "studies"))
@pytest.mark.parametrize("overlay", ["", "smoke"])
def test_every_column_of_a_sheet_is_described_or_a_setting(study, overlay):
    header = sheet_text(load_study(study, overlay, ["local"])).partition("\n")[0].split(",")
    assert set(header) <= {*TABLES["runs.csv"].columns, *schema_of("run")["properties"]}


def test_every_column_of_telemetry_is_described(tmp_path, monkeypatch):
    """On a machine that has everything: two CPUs that tell their frequency and their heat, RAPL, a GPU."""
    machine = Machine(tmp_path)
    machine.write("proc/stat", "cpu 0\n" + "".join(f"cpu{cpu} 0 0 0 0 0 0 0 0\n" for cpu in range(2)))
    machine.write("proc/loadavg", "0.5 0 0 1/9 9\n")
    machine.write("proc/meminfo", "MemAvailable: 1024 kB\n")
    machine.write("proc/vmstat", "pswpin 0\npswpout 0\n")
    for cpu in range(2):
        machine.write(f"sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq", "2000000\n")
        machine.write(f"sys/devices/system/cpu/cpu{cpu}/topology/core_id", f"{cpu}\n")
        machine.write(f"sys/devices/system/cpu/cpu{cpu}/topology/physical_package_id", "0\n")
        for whole in ("core", "package"):
            machine.write(f"sys/devices/system/cpu/cpu{cpu}/thermal_throttle/{whole}_throttle_count", "0\n")
    for file, text in {"name": "package-0", "energy_uj": "1", "max_energy_range_uj": "9"}.items():
        machine.write(f"sys/class/powercap/intel-rapl:0/{file}", f"{text}\n")
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(1))

    read = {column for source in open_sources(machine.target) for column in source.columns}

    def bare(names):
        return {name.partition("[")[0] for name in names}

    assert bare(read) | {"monotonic_s"} == bare(TABLES["telemetry.csv"].columns)


def proven(metrics, giver):
    """That each of these metrics is described as it is, once, and as its giver's."""
    assert metrics
    for metric in metrics:
        [found] = described(metric.name)
        assert (found.unit, found.better) == (metric.unit, metric.better), metric
        assert giver in found.given_by, metric.name


def some_samples(task):
    """Samples with a number in every column."""
    names = [*COLUMNS, *tasks.task(task).COLUMNS]
    return pd.DataFrame([{**dict.fromkeys(names, 2.0 + index), "ok": 1, "index": index} for index in range(40)])


@pytest.mark.parametrize("task", tasks.TASKS)
def test_a_task_gives_the_metrics_that_are_described_as_its_own(task):
    kinds = ("rss_peak", "model_state", "parameters", "gradients", "optimizer", "master_weights")
    reported = {f"rank0_{kind}_mib": 1.0 for kind in kinds} if task == "fine-tuning" else {}
    reported["gpu0_memory_allocated_peak_mib"] = 1.0
    level = {"level": tasks.task(task).LEVELS[0], "duration_s": 10.0, "reported": reported}
    found = tasks.task(task).metrics(some_samples(task), level, {"passes": 2})
    proven(found, task)
    names = {each.name for each in METRICS if task in each.given_by}
    assert names == {each.name for metric in found for each in described(metric.name)}


def test_what_a_client_sees_of_a_server_is_described():
    run = {"client": "cotejo", "limit_ttft_ms": 1, "limit_tpot_ms": None, "limit_latency_ms": None}
    rows = [
        request(at, 0.5) | {"first_token_s": at + 0.1, "tokens_out": 4, "gaps_ms": "9 9 9", **own}
        for at, own in ((0.0, {}), (1.0, {}))
    ]
    told = [serving_metrics.metrics(samples(rows), served_level(rows, "open"), run)]
    characters = [row | {"characters_out": 9} for row in rows]
    told.append(serving_metrics.metrics(samples(characters), served_level(characters), run))
    found = [metric for metrics in told for metric in metrics]
    proven(found, SERVED)
    assert {each.name for metric in found for each in described(metric.name)} == {
        each.name for each in METRICS if SERVED in each.given_by
    }


def test_what_clients_report_is_described():
    names = {*serving_metrics.RATES, *serving_metrics.SHARES}
    names |= {
        f"{time}_{which}_ms" for time in ("latency", "service", "ttft", "tpot", "itl") for which in ("mean", "p90")
    }
    reported = {"reported": dict.fromkeys(names, 1.0), "requests": 1000, "failed_requests": 0}
    found = serving_metrics._reported_metrics(reported)
    proven(found, "clients")
    assert len(found) == len([each for each in METRICS if "clients" in each.given_by])


def test_what_servers_count_and_telemetry_tells_is_described():
    counted = {"requests": 4, "executions": 2, "queue_s": 1.0, "compute_s": 1.0, "inference_s": 1.0}
    gpu = {"memory_peak_mib": 1.0, "rx_mb_per_s": 1.0, "tx_mb_per_s": 1.0}
    told = {
        "cpu_cores": 1.0, "client_cpu_cores": 1.0, "rss_peak_mib": 1.0, "pss_peak_mib": 1.0,
        "energy": {"package_j": 1.0, "gpu_j": 1.0}, "gpus": [gpu, gpu],
    }  # fmt: skip
    for giver, found in (
        (COUNTERS, serving_metrics.server_metrics({"server": counted})),
        (TELEMETRY, resource_metrics({"telemetry": told}, 4)),
    ):
        proven(found, giver)
        names = {each.name for metric in found for each in described(metric.name)}
        assert names == {each.name for each in METRICS if giver in each.given_by}


def test_clients_of_other_percentiles_are_described():
    for q in client("hey").PERCENTILES:
        assert len(described(f"latency_p{q}_ms")) == 1


def test_verdicts_standings_marks_and_failures_are_the_codes_own():
    assert set(verdicts.VERDICTS) == {*verdict.WORDS, verdict.NOT_MEASURED}
    assert set(verdicts.STANDINGS) == set(standing.WORDS)
    record = schema_of("record")["properties"]
    assert set(labels.MARKS) == set(record["marks"]["items"]["anyOf"][0]["enum"])
    assert set(record["reason"]["x-meanings"]) == set(record["reason"]["enum"]) - {None}


# What gives reasons: the checks, what they see of a machine, and who blanks a cell.
GIVERS = {
    function.__name__
    for function in (*verdict.CHECKS, *quiet.SIGHTS, *gpus.SIGHTS, verdict.floor_finding, summary._level_rows,
                     summary._metric_cells)
    if function not in (quiet.quiet, gpus.gpus)  # which only ask the others
}  # fmt: skip


def test_every_check_is_described_and_nothing_else():
    assert {reason.check for reason in verdicts.REASONS} == GIVERS
    bounds = [bound for reason in verdicts.REASONS for bound in reason.bounds]
    assert set(bounds) == set(verdict.THRESHOLDS)
    assert {reason.verdict for reason in verdicts.REASONS} <= set(verdict.WORDS)


def sources() -> dict[str, set[str]]:
    """The pieces of text in the code of the modules that give reasons, by function."""
    found: dict[str, set[str]] = {}
    files = [*(ROOT / "scripts" / "cotejo" / "verdict").glob("*.py"), Path(inspect.getfile(summary))]
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                texts = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
                found.setdefault(node.name, set()).update(text for text in texts if isinstance(text, str))
    return found


# Functions that make a check's text for it.
HELPERS = {
    "counters": ("mismatches",), "drift": ("_beyond_chance",), "sent_on_time": ("_where",),
    "client_limit": ("_where",),
}  # fmt: skip


@pytest.mark.parametrize("reason", verdicts.REASONS, ids=lambda reason: reason.text)
def test_a_reason_is_printed_by_its_check_in_these_words(reason):
    code = sources()
    texts = [text for name in (reason.check, *HELPERS.get(reason.check, ())) for text in code[name]]
    texts += [*quiet.CPUS.values(), "(bound", "bound", "in", "of", "repeats"]  # `_reason` adds these to what is seen
    words = " ".join(" ".join(texts).split())
    for piece in re.split(r"…|\bor\b|,", reason.text):
        for word in piece.split():
            assert word.strip("()%:") in words, f"{reason.check} doesn't say {word!r}"


def texts_of(expression: ast.expr) -> list[str]:
    """The text in an expression, without the formats of what stands between."""
    formats = {id(part) for each in ast.walk(expression) if isinstance(each, ast.FormattedValue) and each.format_spec
               for part in ast.walk(each.format_spec)}  # fmt: skip
    found = [each for each in ast.walk(expression) if isinstance(each, ast.Constant) and id(each) not in formats]
    return [each.value for each in found if isinstance(each.value, str)]


def test_every_text_of_a_finding_is_in_some_reason():
    """What is given to Finding, Sight and beyond, as far as it is text, stands in the description of its function."""
    told = {}
    for reason in verdicts.REASONS:
        told.setdefault(reason.check, []).append(reason.text)
    files = (ROOT / "scripts" / "cotejo" / "verdict").glob("*.py")
    looked = 0
    for node in (node for file in files for node in ast.parse(file.read_text(encoding="utf-8")).body):
        if not isinstance(node, ast.FunctionDef) or node.name not in GIVERS:
            continue
        for call in (each for each in ast.walk(node) if isinstance(each, ast.Call)):
            if isinstance(call.func, ast.Name) and call.func.id in ("Finding", "Sight", "beyond"):
                place = 0 if call.func.id == "beyond" else 1
                for piece in (text.strip() for text in texts_of(call.args[place]) if text.strip(" %()s")):
                    looked += 1
                    words = " ".join(told[node.name])
                    assert all(word.strip("():%,") in words for word in piece.split()), (node.name, piece)
    assert looked > 30


def test_a_floor_is_worded_as_described():
    assert verdict.floor_finding(99, 120).reason == "samples 120 < 459 for p99"
