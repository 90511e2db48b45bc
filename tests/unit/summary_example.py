"""Rows of a summary, as `read_summary` gives them, for tests to draw."""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import pandas as pd

from cotejo.distribution import COLUMNS as DISTRIBUTED
from cotejo.stats import median_interval
from cotejo.summary import COLUMNS

NAN = float("nan")
BLANK: dict[str, Any] = {
    "study": "demo", "run": "text_openvino_int8", "digest": "0123456789", "name": "text",
    "model": "tinyllama-1.1b-chat",
    "architecture": "llama", "task": "text-generation", "weights": "synthetic", "scale": "small", "dataset": "prompts",
    "backend": "openvino", "precision": "int8", "compute_precision": "f32", "device": "cpu", "cores": "all",
    "server": "", "client": "", "provider": "", "accelerators": "", "nodes": "", "split": "", "processes": "",
    "instead_of": "", "needs": "", "measured_as": "",
    "origin": "", "system": "local", "cpus": 2.0, "level": "",
    "load": "", "concurrency": NAN, "rate_rps": NAN, "inputs": "", "source": "",
    "metric": "", "unit": "", "better": "", "median": NAN, "low": NAN,
    "high": NAN, "values": "", "repeats": NAN, "attempts": 6.0, "failures": 0.0, "requests": NAN,
    "failed_requests": NAN, "measured_s": NAN, "ended": "", "order": "1 2 3 4 5 6",
    "verdict": "smoke", "reasons": "duration 12 s < 600 s",
    "marks": "synthetic; small", "environment": "abcdef",
}  # fmt: skip
assert set(BLANK) == set(COLUMNS)


def measured(values: Sequence[float], **changes: Any) -> dict[str, Any]:
    """A row of tokens_per_s with these values of the single repeats."""
    median, low, high = median_interval(values)
    return {
        **BLANK, "level": "single-stream", "source": "samples", "ended": "duration 6",
        "metric": "tokens_per_s", "unit": "tokens/s", "better": "higher",
        "median": median, "low": NAN if low is None else low, "high": NAN if high is None else high,
        "values": " ".join(map(repr, values)), "repeats": float(len(values)), "requests": 60.0,
        "failed_requests": 0.0, "measured_s": 12.0, **changes,
    }  # fmt: skip


def failed(reason: str = "parity", **changes: Any) -> dict[str, Any]:
    """The row of a run all of whose repeats failed."""
    return {**BLANK, "verdict": "failed", "reasons": reason, "failures": 6.0, **changes}


def not_measured(**changes: Any) -> dict[str, Any]:
    """The row of a run without any record."""
    nothing = {"system": "", "order": "", "environment": "", "marks": "", "reasons": "", "cpus": NAN, "attempts": 0.0}
    return {**BLANK, "verdict": "not measured", **nothing, **changes}


def stage(name: str, value_ms: float, **changes: Any) -> dict[str, Any]:
    """The row of one stage of a video run."""
    video = {
        "run": "video", "name": "video", "model": "yolov8n-seg", "architecture": "yolo", "task": "video-segmentation",
        "dataset": "street-video", "precision": "fp32", "level": "end-to-end", "unit": "ms", "better": "lower",
    }  # fmt: skip
    return measured([value_ms] * 6, metric=f"{name}_p50_ms", **{**video, **changes})


def summary(*rows: dict[str, Any]) -> pd.DataFrame:
    """A summary of these rows."""
    return pd.DataFrame(list(rows), columns=list(COLUMNS))


def served(metric: str, value: float, level: float, **changes: Any) -> dict[str, Any]:
    """The row of one metric of one level of a server: `level` requests at once, or a second where `load` is open."""
    closed = changes.get("load", "closed") == "closed"
    own = {
        "run": "blip_triton", "name": "cpu", "model": "blip-image-captioning-base", "architecture": "blip",
        "task": "image-captioning", "dataset": "photos", "backend": "onnxruntime", "precision": "fp32",
        "server": "triton", "client": "cotejo", "load": "closed", "inputs": "unique",
        "level": f"concurrency-{level:g}" if closed else f"rate-{level:g}",
        "concurrency": float(level) if closed else NAN, "rate_rps": NAN if closed else float(level),
        "unit": "ms" if metric.endswith("_ms") else metric.replace("_per_s", "/s"),
        "better": "lower" if metric.endswith("_ms") else "higher",
    }  # fmt: skip
    spread = [value * factor for factor in (0.98, 1.01, 0.99, 1.02, 1.0, 1.03)]
    return measured(spread, metric=metric, **{**own, **changes})


def without_value(row: dict[str, Any], reason: str, verdict: str = "smoke") -> dict[str, Any]:
    """A row whose value is blank, for a reason."""
    return {**row, "median": NAN, "low": NAN, "high": NAN, "values": "", "verdict": verdict, "reasons": reason}


def distributions(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """What `read_distributions` gives of the levels of these rows: six log-normal repeats of 600 requests each."""
    found = []
    for row in rows:
        if row["metric"] != "latency_p50_ms" or row["median"] != row["median"]:
            continue
        for repeat, median_ms in enumerate(map(float, row["values"].split()), start=1):
            shares = [*(step / 100 for step in range(1, 99)), 0.992]
            times = [median_ms * math.exp(0.25 * NormalDist().inv_cdf(share)) for share in shares]
            cells = {"shares": " ".join(map(repr, shares)), "latencies_ms": " ".join(map(repr, times))}
            keys = {key: row[key] for key in DISTRIBUTED if key in row}
            found.append({**keys, "repeat": str(repeat), "requests": "600", **cells})
    return pd.DataFrame(found, columns=list(DISTRIBUTED))
