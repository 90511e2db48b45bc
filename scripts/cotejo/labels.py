"""How the names in tables are written for people: metrics, columns, values. The only place that knows."""

import math
import re

# Names that don't read well as `metric_label` would spell them out.
_METRICS = {
    "tokens_per_s": "Throughput",
    "frames_per_s": "Throughput",
    "requests_per_s": "Throughput",
    "total_tokens_per_s": "Throughput, prompts included",
    "characters_per_s": "Throughput",
    "goodput_per_s": "Goodput",
    "goodput_percent": "Requests within the limits",
    "batch_size": "Mean batch",
    "queue_ms": "Waiting, by the server",
    "compute_ms": "Computing, by the server",
    "inference_ms": "Whole request, by the server",
    "client_cpu_cores": "CPU cores used, client",
    "real_time_factor": "Real-time factor",
    "cpu_cores": "CPU cores used",
    "rss_peak_mib": "Peak memory, resident",
    "pss_peak_mib": "Peak memory, proportional share",
    "gpu_memory_peak_mib": "Peak memory, GPU",
    "package_energy_per_request_j": "Energy per request, package",
    "gpu_energy_per_request_j": "Energy per request, GPU",
}

# Words and abbreviations within names.
_WORDS = {
    "ttft": "time to first token", "tpot": "time per output token", "itl": "time between tokens",
    "service": "service time", "characters": "rate of one request",
}  # fmt: skip

_MARKS = {
    "synthetic": "synthetic weights (random, so it never counts as reproduced)",
    "small": "small scale",
    "taskset": "pinned by taskset, which leaves memory where it falls",
    "stand-in": "a stand-in that imitates the server, not the server itself",
    "identical-inputs": "identical inputs (one request over and over, which caches could answer)",
}

_LOADS = {"closed": "closed loop", "open": "open loop", "": "single stream"}
_LEVEL = re.compile(r"(concurrency|rate)-([0-9.]+)")

# What stands beside the names of imports: no import may have it.
HERE = "here"

_UNIT_ENDINGS = re.compile(r"_(ms|s|mib|per_s|percent)$")


def metric_label(name: str) -> str:
    """A metric's name in words, without its unit: `first_token_p90_ms` is "First token, p90"."""
    if name in _METRICS:
        return _METRICS[name]
    words = _UNIT_ENDINGS.sub("", name)
    words = re.sub(r"_p50(?=_|$)", ", median", words)
    words = re.sub(r"_p(\d+)(?=_|$)", r", p\1", words)
    for short, words_for in _WORDS.items():
        words = re.sub(rf"\b{short}\b", words_for, words)
    words = words.replace("_", " ")
    return words[:1].upper() + words[1:]


def axis_label(name: str, unit: str, better: str) -> str:
    """A metric's name with its unit and the direction in which it is good."""
    return f"{metric_label(name)} ({unit}), {better} is better"


def value_label(column: str, value: str) -> str:
    """A cell of the summary as it stands in a label, never broken over lines: `2` in column cores is "2 cores"."""
    if column == "environment":
        return f"environment {value}"
    if column == "origin":
        return f"from {value}" if value else ""
    if column == "client":
        return f"client\u00a0{value}" if value else ""
    if column == "load":
        return load_label(value) if value else ""
    if column == "inputs":
        return f"{value}\u00a0inputs"
    if column == "level":
        return level_label(value)
    if column != "cores":
        return value
    if value == "1":
        return "1\u00a0core"
    if value == "all" or value.isdigit():
        return f"{value}\u00a0cores"
    return value if value.startswith("node") else f"cores\u00a0{value}"


def load_label(load: str) -> str:
    """How requests arrived, in words; nothing but one after another where no load is named."""
    return _LOADS[load].replace(" ", "\u00a0")


def level_label(level: str) -> str:
    """A load level in words: `concurrency-4` is "4 at once", `rate-2.5` is "2.5/s"."""
    known = _LEVEL.fullmatch(level)
    if not known:
        return level
    return f"{known[2]}\u00a0at\u00a0once" if known[1] == "concurrency" else f"{known[2]}/s"


def mark_label(mark: str) -> str:
    """A record's mark in words."""
    return _MARKS.get(mark, mark)


def number(value: float) -> str:
    """A number for people, of at least three significant digits and no exponent: 0.0123, 1.23, 12.3, 123, 1,234."""
    rounded = abs(float(f"{value:.3g}"))
    decimals = max(0, 2 - math.floor(math.log10(rounded))) if rounded else 0
    return f"{value:,.{decimals}f}"
