"""Made-up records of a study's own runs: what each task, server and client would measure, drawn from a seed.

Nothing here was measured, and everything that a report can show of it says so: the machine is called made up.
"""

import csv
import math
import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from record_example import CLIENT, RECORD, SERVER, TELEMETRY, changed, failed

from cotejo import record, samples, stand_in, tasks
from cotejo.load import LoadLevel, levels_of

Run = Mapping[str, Any]

BEGUN = datetime(2026, 1, 31, 12, tzinfo=UTC)
MACHINE = "Made-up CPU: nothing here was measured"
REQUESTS = 120  # of a level and a repeat: enough for p95, too few for p99
SERVED_COLUMNS = ("status", "characters_out", "tokens_by", "gaps_ms")
START_S = 1234.5


def put_records(results: Path, runs: list[dict[str, Any]], **changes: Any) -> None:
    """Make up every record of these runs below a folder of results; the last of several runs ran out of memory.

    `changes` are made to each, as `record_example.changed` does.
    """
    for place, run in enumerate(runs):
        for repeat in range(1, run["repeats"] + 1):
            out_of_memory = len(runs) > 2 and place == len(runs) - 1
            put_record(results, run, repeat, place, out_of_memory, changes)


def put_record(
    results: Path, run: Run, repeat: int, place: int, out_of_memory: bool, changes: Mapping[str, Any]
) -> None:
    """Make up one record, and what lies beside it."""
    begun = BEGUN + timedelta(minutes=10 * repeat, seconds=30 * place)
    facts = {
        "run": run, "study": run["study"], "system": run["system"], "repeat": repeat, "versions": {"made-up": "0"},
        "started_at": said(begun), "finished_at": said(begun + timedelta(seconds=20)), "git_revision": None,
        "environment__machine__cpu": MACHINE, "environment__machine__hostname": "made-up",
        "marks": marks_of(run), "command": ["made-up", run["id"]], "export": None if run["format"] is None else EXPORT,
        **serving_of(run),
    }  # fmt: skip
    path = results / "records" / run["system"] / record.folder_name(run) / f"r{repeat}.json"
    if out_of_memory:
        message = "2.1 GiB asked for, 1.9 GiB free (made up)"
        record.write(path, failed("out-of-memory", **{"message": message, **facts, **changes}), None)
        return
    dice = random.Random(f"{run['digest']} {repeat}")
    levels = list(levels_made_up(run, dice))
    with TemporaryDirectory() as folder:
        raw, telemetry = Path(folder, "samples.csv"), Path(folder, "telemetry.csv")
        own = SERVED_COLUMNS if run.get("server") else tasks.task(run["task"]).COLUMNS
        samples.write_samples(raw, levels, own)
        write_telemetry(telemetry, max(level.duration_s for level in levels), dice)
        whole = changed(RECORD, levels=[told(run, level) for level in levels], **{**facts, **changes})
        record.write(path, {**whole, "message": None}, raw, telemetry)


EXPORT = changed(RECORD, export__packages={"made-up": "0"})["export"]


def said(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def marks_of(run: Run) -> list[str]:
    """What a real record of this run would be marked with."""
    marks = {
        "synthetic": run["weights"] == "synthetic",
        "small": run["scale"] == "small",
        "stand-in": "stand-in" in (run.get("server") or ""),
    }
    return [*(mark for mark, applies in marks.items() if applies), *stand_in.phrases(run)]


def serving_of(run: Run) -> dict[str, Any]:
    """The record's facts of server and client, where the run has them."""
    if run.get("server") is None:
        return {}
    server = {**SERVER, "name": run["server"], "version": "0 (made up)", "stand_in": "stand-in" in run["server"]}
    return {"server": server, "client": {**CLIENT, "name": run["client"], "version": "0 (made up)"}}


def told(run: Run, level: samples.Level) -> dict[str, Any]:
    """A level as a record has it."""
    summary = level.summary()
    requests = summary["requests"]
    counters = {
        "requests": requests, "failed_requests": summary["failed_requests"], "queue_s": 0.002 * requests,
        "compute_s": 0.03 * requests, "inference_s": 0.033 * requests, "executions": math.ceil(requests / 2),
    }  # fmt: skip
    telemetry = changed(TELEMETRY, client_cpu_cores=0.2 if run.get("server") else None)
    return {**summary, "server": counters if run.get("server") else None, "telemetry": telemetry}


def levels_made_up(run: Run, dice: random.Random) -> Iterator[samples.Level]:
    request_s = usual_s(run) * dice.uniform(0.98, 1.02)
    if not run.get("server"):
        for name in tasks.task(run["task"]).LEVELS:
            yield in_process(run, name, request_s, dice)
        return
    for level in levels_of(run):
        yield aggregated(level, request_s) if aggregates(run, level) else served(level, request_s, dice)


def usual_s(run: Run) -> float:
    """The time that a request of this run takes: another one for each, less on more cores."""
    cores = 2 if run["cores"] == "all" else int(run["cores"])
    return random.Random(run["digest"]).uniform(0.05, 0.2) / cores**0.8


def in_process(run: Run, name: str, request_s: float, dice: random.Random) -> samples.Level:
    """Requests one after another."""
    task = tasks.task(run["task"])
    level = samples.Level(name, 2, 0.5, START_S, concurrency=1, reported=reported_of(run))
    for index in range(REQUESTS):
        took_s = request_s * dice.lognormvariate(0, 0.05)
        level.samples.append(request(name, index, level.duration_s, took_s) | columns_of(task, index, took_s))
        level.duration_s += took_s
    return level


def request(level: str, index: int, due_s: float, took_s: float) -> dict[str, Any]:
    """One that was answered by 9 tokens, the first after a fifth of its time."""
    return {
        "level": level, "index": index, "item": f"made-up-{index % 5}", "scheduled_s": due_s, "sent_s": due_s,
        "first_token_s": due_s + took_s / 5, "done_s": due_s + took_s, "tokens_in": 4, "tokens_out": 9, "ok": 1,
    }  # fmt: skip


def columns_of(task: Any, index: int, took_s: float) -> dict[str, Any]:
    """What the task's own columns hold of a request."""
    own = {
        "audio_s": 5.0, "decode_steps": 20, "preparation_ms": took_s * 100, "pairs": 8,
        "loss": 2 + 8 * math.exp(-index / 30), "detections": 3,
    }  # fmt: skip
    return {name: own.get(name, took_s * 200) for name in task.COLUMNS}


def reported_of(run: Run) -> dict[str, float]:
    """What the processes of a training tell of their memory."""
    if run["task"] != "fine-tuning":
        return {}
    parts = ("parameters", "gradients", "optimizer", "master_weights")
    own = {**{f"{part}_mib": 20.0 * (place + 1) for place, part in enumerate(parts)}, "model_state_mib": 200.0}
    ranks = range(run.get("processes") or 1)
    return {f"rank{rank}_{name}": value for rank in ranks for name, value in {**own, "rss_peak_mib": 900.0}.items()}


def aggregates(run: Run, level: LoadLevel) -> bool:
    """Whether this client tells of no single request."""
    return level.load == "offline" or run["client"] == "perf_analyzer"


def aggregated(level: LoadLevel, request_s: float) -> samples.Level:
    at_once = level.concurrency or 8
    rate = at_once / (request_s * at_once**0.5)
    reported = {"requests_per_s": rate, "tokens_per_s": 9 * rate}
    if level.load != "offline":
        times = {"mean": 1.0, "p50": 0.98, "p90": 1.3, "p95": 1.4, "p99": 1.6}
        reported |= {f"latency_{name}_ms": 1000 * at_once / rate * factor for name, factor in times.items()}
    made = empty(level, reported)
    made.requests, made.failed_requests, made.duration_s = REQUESTS, 0, REQUESTS / rate
    return made


def empty(level: LoadLevel, reported: dict[str, float] | None = None) -> samples.Level:
    return samples.Level(
        level.name, 4, 0.5, START_S, concurrency=level.concurrency, load=level.load, rate_rps=level.rate_rps,
        reported=reported or {},
    )  # fmt: skip


def served(level: LoadLevel, request_s: float, dice: random.Random) -> samples.Level:
    """Requests of so many at once, each of which waits for the others, or as many as arrive."""
    made, at_once = empty(level), level.concurrency or 1
    free_s = [0.0] * at_once
    for index in range(REQUESTS):
        took_s = request_s * at_once**0.5 * dice.lognormvariate(0, 0.1)
        place = min(range(at_once), key=free_s.__getitem__)
        due_s = free_s[place] if level.rate_rps is None else index / level.rate_rps
        answer = request(level.name, index, due_s, took_s)
        free_s[place] = answer["done_s"]
        gaps_ms = f"{100 * took_s:.2f}"
        made.samples.append(
            answer | {"status": 200, "characters_out": 36, "tokens_by": "usage", "gaps_ms": " ".join([gaps_ms] * 8)}
        )
    made.duration_s = max(free_s)
    return made


def write_telemetry(path: Path, duration_s: float, dice: random.Random) -> None:
    """What a sampler would have read five times a second, of a process that keeps one core busy."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["monotonic_s", "own_cpu_s", "cpu_s", "rss_mib", "load_1min"])
        for tick in range(max(10, math.ceil(5 * (duration_s + 2)))):
            elapsed_s = tick / 5
            cpu_s = elapsed_s * dice.uniform(0.99, 1.0)
            writer.writerow([f"{START_S - 1 + elapsed_s:.3f}", 0.1 + tick * 1e-4, f"{cpu_s:.3f}", 250.5, 0.9])
