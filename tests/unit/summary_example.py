"""Rows of a summary, as `read_summary` gives them, for tests to draw."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from cotejo.stats import median_interval
from cotejo.summary import COLUMNS

NAN = float("nan")
BLANK: dict[str, Any] = {
    "study": "demo", "run": "text_openvino_int8", "digest": "0123456789", "name": "text",
    "model": "tinyllama-1.1b-chat",
    "architecture": "llama", "task": "text-generation", "weights": "synthetic", "scale": "small", "dataset": "prompts",
    "backend": "openvino", "precision": "int8", "compute_precision": "f32", "device": "cpu", "cores": "all",
    "origin": "", "system": "local", "cpus": 2.0, "level": "", "source": "",
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
