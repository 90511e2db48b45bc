"""Summaries for the kinds of figure of placements, trainings and telemetry, and published rows to draw beside them."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from record_example import RECORD, changed
from summary_example import failed, measured, served, summary, without_value

from cotejo.environment import merge_key
from cotejo.figures.inputs import PUBLISHED
from cotejo.files import digest, write_json
from cotejo.record import samples_path

NOTHING_PUBLISHED = pd.DataFrame(columns=list(PUBLISHED))


def published(*rows: dict[str, Any]) -> pd.DataFrame:
    """Published rows as `read_inputs` gives them: each is what it has unlike the one here."""
    usual = {
        **dict.fromkeys(PUBLISHED, ""), "study": "x", "system": "mendieta", "machine": "MendietaF2", "run": "text",
        "task": "text-generation", "model": "tinyllama-1.1b-chat", "backend": "openvino", "precision": "int8",
        "accelerators": "1", "client": "in-process", "metric": "rate", "statistic": "mean", "value": "12",
        "unit": "tok/s", "ours": "tokens_per_s", "in_ours": 12.0,
    }  # fmt: skip
    return pd.DataFrame([usual | row for row in rows], columns=list(PUBLISHED))


def spread(value: float) -> list[float]:
    return [value * factor for factor in (0.98, 1.01, 0.99, 1.02, 1.0, 1.03)]


def on_gpus(count: int, value: float, **changes: Any) -> dict[str, Any]:
    """A run in process on so many GPUs."""
    placement = {"accelerators": str(count), "split": "device_map" if count > 1 else "", "device": "cuda"}
    run = {"name": f"on-{count}", "run": f"on-{count}", "task": "visual-question-answering", "model": "llava-1.5-7b"}
    return measured(spread(value), metric="inferences_per_s", unit="inferences/s", **{**placement, **run, **changes})


def divided(count: int, metric: str, value: float, **changes: Any) -> dict[str, Any]:
    """A run of a server whose model is divided over so many GPUs."""
    placement = {"accelerators": str(count), "split": "tensor_parallel" if count > 1 else "", "device": "cuda"}
    return {
        **served(metric, value, 5),
        "name": f"tp{count}",
        "run": f"tp{count}",
        "server": "vllm",
        **placement,
        **changes,
    }


def trained(model: str, split: str, count: int, **changes: Any) -> list[dict[str, Any]]:
    """The time and the memory of a training."""
    run = {
        "task": "fine-tuning", "model": model, "name": f"{model}-{split}", "run": f"{model}-{split}-{count}",
        "accelerators": str(count), "split": split, "device": "cuda",
    }  # fmt: skip
    time = measured(spread(600.0 * count), metric="train_s", unit="s", better="lower", **{**run, **changes})
    memory = measured(
        spread(20480.0 / count), metric="gpu_memory_peak_mib", unit="MiB", better="lower", **{**run, **changes}
    )
    return [time, memory]


def asked_for(percentile: int, latency_ms: float, **changes: Any) -> list[dict[str, Any]]:
    """The latency and the rate of characters of a run at a percentile."""
    rate = served(f"characters_p{percentile}_per_s", 1000 / latency_ms, 1, **changes)
    return [served(f"latency_p{percentile}_ms", latency_ms, 1, **changes), {**rate, "unit": "characters/s"}]


NEEDS_TWO = {"needs": "2 GPUs", "reasons": "needs 2 GPUs"}
LLAMA = {"backend": "llama.cpp", "name": "llama", "run": "llama"}
TRACED = {
    "name": "traced",
    "run": "traced",
    "metric": "cpu_cores",
    "unit": "cores",
    "better": "lower",
    "source": "telemetry",
}
STEPPED = digest(merge_key(RECORD), 6)  # the environment of records
EXAMPLES: dict[str, tuple[pd.DataFrame, dict[str, Any]]] = {
    "placements": (
        summary(
            on_gpus(1, 20.0),
            on_gpus(2, 30.0, verdict="publishable", reasons=""),
            failed(
                "out-of-memory",
                name="13b",
                run="13b",
                task="visual-question-answering",
                model="llava-1.5-13b",
                accelerators="1",
                device="cuda",
            ),
        ),
        {"metric": "inferences_per_s"},
    ),
    "accelerators": (
        summary(
            divided(1, "requests_per_s", 20.0),
            divided(1, "latency_mean_ms", 30.0),
            divided(4, "requests_per_s", 60.0, verdict="publishable", reasons=""),
            divided(4, "latency_mean_ms", 20.0, verdict="publishable", reasons=""),
            failed(
                "server-died",
                **{
                    k: v
                    for k, v in divided(2, "requests_per_s", 1.0).items()
                    if k
                    in (
                        "name",
                        "run",
                        "server",
                        "client",
                        "backend",
                        "task",
                        "model",
                        "accelerators",
                        "split",
                        "device",
                        "dataset",
                        "precision",
                    )
                },
            ),
        ),
        {},
    ),
    "percentiles": (
        summary(
            *asked_for(10, 20.0),
            *asked_for(50, 30.0),
            *asked_for(90, 400.0),
            without_value(served("latency_p99_ms", 1.0, 1), "samples 120 < 459 for p99; repeats 3 < 6"),
            *asked_for(50, 25.0, **LLAMA, verdict="publishable", reasons=""),
            *asked_for(90, 90.0, **LLAMA, verdict="publishable", reasons=""),
            failed("server-died", name="dead", run="dead", server="tgi", client="cotejo", task="image-captioning"),
        ),
        {},
    ),
    "training": (
        summary(
            *trained("t5-small", "", 1),
            *trained("t5-small", "zero1", 3, verdict="publishable", reasons=""),
            failed(
                "out-of-memory",
                **{
                    "model": "t5-3b",
                    "task": "fine-tuning",
                    "name": "t5-3b",
                    "run": "t5-3b",
                    "accelerators": "1",
                    "device": "cuda",
                },
            ),
        ),
        {},
    ),
    "telemetry": (summary(measured(spread(2.0), **TRACED), failed(name="dead", run="dead")), {}),
    "steps": (
        summary(
            *(
                measured(
                    spread(3.0),
                    metric="loss_end",
                    unit="nats",
                    better="lower",
                    environment=STEPPED,
                    task="fine-tuning",
                    model="t5-small",
                    name=name,
                    run=name,
                    split=split,
                    processes=processes,
                )
                for name, split, processes in (("alone", "", ""), ("zero", "zero1", "2"))
            ),
            failed("out-of-memory", name="t5-3b", run="t5-3b", model="t5-3b", task="fine-tuning"),
        ),
        {},
    ),
}


@cache
def records() -> Path:
    """A study's folder of results with the records of EXAMPLES["telemetry"] and EXAMPLES["steps"]."""
    folder = Path(tempfile.mkdtemp(prefix="cotejo-figures-"))
    record_repeat(folder, "traced~0123456789", "monotonic_s,own_cpu_s,cpu_s\n", [
        f"{100 + second},0,{2 * second}\n" for second in range(12)
    ])  # fmt: skip
    for repeat in (1, 2, 3):
        record_steps(folder, "alone~0123456789", [9.0 + repeat / 10 - step / 10 for step in range(12)], repeat)
        record_steps(folder, "zero~0123456789", [8.5 + repeat / 10 - step / 10 for step in range(12)], repeat)
    return folder


def record_steps(folder: Path, run: str, losses: list[float], repeat: int = 1, **changes: Any) -> None:
    """A record of a training with these losses, of steps that take as many ms as they are steps, twice over."""
    path = folder / "records" / "local" / run / f"r{repeat}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, changed(RECORD, **changes))
    rows = [f"{step},{step},{step + (step + 1) / 500},{loss}\n" for step, loss in enumerate(losses)]
    samples_path(path).write_text("index,sent_s,done_s,loss\n" + "".join(rows))


def record_repeat(folder: Path, run: str, header: str, rows: list[str], repeat: int = 1, status: str = "ok") -> None:
    """A record whose one level begins at 101 s of the monotonic clock and lasts 8 s, with these telemetry readings."""
    path = folder / "records" / "local" / run / f"r{repeat}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    level = {**RECORD["levels"][0], "start_monotonic_s": 101.0, "duration_s": 8.0}
    device = "cuda" if "GPU" in header else "cpu"
    write_json(path, changed(RECORD, status=status, levels=[level], run__device=device))
    path.with_suffix(".telemetry.csv").write_text(header + "".join(rows))
