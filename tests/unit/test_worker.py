"""The measured process on a made-up task and a made-up backend."""

import csv
import json
import os
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import pytest

from cotejo import backends, tasks, worker
from cotejo.command import ROOT
from cotejo.samples import COLUMNS, Level


class Made(ModuleType):
    """A module of a registry, with what a test gives it."""

    def __init__(self, monkeypatch, registry, module_name, **contents):
        super().__init__(module_name)
        vars(self).update(contents)
        monkeypatch.setitem(registry, "made", module_name)
        monkeypatch.setitem(sys.modules, self.__name__, self)


class Engine:
    def properties(self):
        return {"threads": 2}


def sample(level, index, ok=1, error=""):
    return {"level": level, "index": index, "sent_s": 0.0, "done_s": 1.0, "ok": ok, "error": error, "own_ms": 5.0}


@pytest.fixture
def job(monkeypatch, tmp_path):
    """A job for the made-up pair; `job.task` and `job.backend` can be changed before it is done."""

    def measure(engine, requests, run, level, output):
        assert (engine.loaded_with, requests) == ((run, "artefact", "model", 2), ["request"])
        assert output == tmp_path
        return Level(level, 1, 0.5, 10.0, 2.0, [sample(level, 0), sample(level, 1, 0, "ValueError: no")])

    def load(run, artefact, model_folder, threads):
        engine = Engine()
        engine.loaded_with = (run, str(artefact), str(model_folder), threads)
        return engine

    return SimpleNamespace(
        task=Made(
            monkeypatch,
            tasks.TASKS,
            "made_task",
            LEVELS=("one", "two", "three"),
            COLUMNS=("own_ms",),
            load_requests=lambda run, dataset, model: ["request"],
            measure=measure,
        ),
        backend=Made(
            monkeypatch, backends.BACKENDS, "made_backend", DISTRIBUTIONS=("numpy", "no-such-package"), load=load
        ),
        content={
            "run": {"task": "made", "backend": "made", "seed": 1},
            "artefact": "artefact",
            "model_folder": "model",
            "dataset_folder": "dataset",
            "threads": 2,
            "output": str(tmp_path),
        },
    )


def do(job, tmp_path):
    worker.work(job.content, tmp_path)
    with (tmp_path / "samples.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return json.loads((tmp_path / "worker.json").read_text()), rows


def test_a_job_leaves_its_samples_and_a_report(job, tmp_path):
    report, rows = do(job, tmp_path)

    assert (report["status"], report["reason"], report["message"]) == ("ok", None, None)
    assert report["load_s"] >= 0
    assert report["runtime"] == {"threads": 2}
    assert report["versions"].keys() == {"numpy"}
    assert report["peak_rss_mib"] > 10
    assert {"cotejo/worker.py", "cotejo/samples.py"} <= set(report["modules"])
    assert not [module for module in report["modules"] if module.startswith(("/", ".."))]
    assert report["levels"][0] == {
        "level": report["levels"][0]["level"],
        "warmup_requests": 1,
        "warmup_s": 0.5,
        "start_monotonic_s": 10.0,
        "duration_s": 2.0,
        "requests": 2,
        "failed_requests": 1,
        "concurrency": None,
        "ended_by": "duration",
        "stopping": None,
        "load": "single-stream",
        "rate_rps": None,
        "inputs": "unique",
        "reported": {},
    }
    assert list(rows[0]) == [*COLUMNS, "own_ms"]
    assert len(rows) == 6
    assert {path.name for path in tmp_path.iterdir()} == {"samples.csv", "worker.json"}


def test_levels_come_in_an_order_drawn_from_the_seed(job, tmp_path):
    def order(seed):
        job.content["run"]["seed"] = seed
        return tuple(level["level"] for level in do(job, tmp_path)[0]["levels"])

    assert order(1) == order(1)
    assert len({order(seed) for seed in range(10)}) > 2
    assert set(order(1)) == {"one", "two", "three"}


@pytest.mark.parametrize(
    ("error", "reason", "message"),
    [
        (ValueError("first\nlast line"), "error", "ValueError: last line"),
        (MemoryError(), "out-of-memory", "MemoryError"),
        (RuntimeError("std::bad_alloc"), "out-of-memory", "RuntimeError: std::bad_alloc"),
    ],
)
@pytest.mark.parametrize("where", ["load", "load_requests", "measure"])
def test_what_is_raised_is_a_measured_failure(job, tmp_path, where, error, reason, message):
    def fail(*arguments):
        raise error

    setattr(job.backend if where == "load" else job.task, where, fail)

    report, rows = do(job, tmp_path)

    assert (report["status"], report["reason"], report["message"]) == ("failed", reason, message)
    assert report["levels"] == rows == []
    assert (report["load_s"] is None) is (where == "load")


def test_a_level_whose_requests_all_failed_fails_the_run(job, tmp_path):
    job.task.measure = lambda engine, requests, run, level, output: Level(
        level, samples=[sample(level, 0, 0, "E: a"), sample(level, 1, 0, "E: b")]
    )

    report, rows = do(job, tmp_path)

    assert (report["status"], report["reason"]) == ("failed", "error")
    assert "every request of level" in report["message"]
    assert report["message"].endswith("E: b")
    assert len(rows) == 2


def test_a_worker_that_is_stopped_leaves_no_report(job, tmp_path):
    def stop(*arguments):
        raise SystemExit(143)

    job.task.measure = stop

    with pytest.raises(SystemExit):
        worker.work(job.content, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_job_is_one_line_and_exit_status_1(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "cotejo.worker", "--job", str(tmp_path / "job.json")],
        env=os.environ | {"PYTHONPATH": str(ROOT / "scripts")},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {tmp_path / 'job.json'}: no such file. ") and done.stderr.count("\n") == 1
