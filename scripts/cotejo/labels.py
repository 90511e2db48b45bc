"""How the names in tables are written for people: metrics, columns, values. The only place that knows."""

import math
import re
from collections.abc import Mapping
from typing import Any

# Names that don't read well as `metric_label` would spell them out.
_METRICS = {
    "tokens_per_s": "Throughput",
    "frames_per_s": "Throughput",
    "requests_per_s": "Throughput",
    "inferences_per_s": "Throughput",
    "pass_s": "One pass over the data set",
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
    "train_s": "Training time",
    "steps_per_s": "Steps",
    "samples_per_s": "Throughput",
    "loss_start": "Loss at the start",
    "loss_end": "Loss at the end",
    "rss_peak_mib": "Peak memory, resident",
    "pss_peak_mib": "Peak memory, proportional share",
    "gpu_memory_peak_mib": "Peak memory, GPU",
    "gpu_memory_total_mib": "Peak memory, all GPUs",
    "package_energy_per_request_j": "Energy per request, package",
    "gpu_energy_per_request_j": "Energy per request, GPU",
}

# Words and abbreviations within names.
_WORDS = {
    "ttft": "time to first token", "tpot": "time per output token", "itl": "time between tokens",
    "service": "service time", "characters": "rate of one request",
}  # fmt: skip

# What a record may be marked with, by config/schemas/record.schema.json, as figures say it.
MARKS = {
    "synthetic": "synthetic weights (random, so it never counts as reproduced)",
    "own-weights": "own weights (from a folder, so that they never count as the published ones)",
    "small": "small scale",
    "taskset": "pinned by taskset, which leaves memory where it falls",
    "stand-in": "a stand-in that imitates the server, not the server itself",
    "identical-inputs": "identical inputs (one request over and over, which caches could answer)",
    "synthetic-data": "a made-up data set",
    "cut-short": "a training cut short by max_steps",
}

_LOADS = {
    "closed": "closed loop", "open": "open loop", "offline": "all at once", "single-stream": "single stream",
    "": "single stream",
}  # fmt: skip
# What documents measured with, that is no client of ours.
_CLIENTS = {"in-process": "in\u00a0process", "document": "the\u00a0document's own client", "trainer": ""}
_PROVIDERS = {"cuda": "CUDA", "tensorrt": "TensorRT"}
_SPLITS = {"zero1": "ZeRO-1", "zero3-offload": "ZeRO-3 offload"}
_LEVEL = re.compile(r"(concurrency|rate)-([0-9.]+)")

TIMES = "\u00d7"

# What stands beside the names of imports: no import may have it.
HERE = "here"

_COUNTED = {"total_tokens": "tokens", "goodput": "requests"}
_UNITS = {"mib": "MiB", "percent": "%"}
_UNIT_ENDINGS = re.compile(r"_(ms|s|mib|per_s|percent)$")


def metric_label(name: str) -> str:
    """A metric's name in words, without its unit: `first_token_p90_ms` is "First token, p90"."""
    if name in _METRICS:
        return _METRICS[name]
    words = _UNIT_ENDINGS.sub("", name)
    words = re.sub(r"_mean(?=_|$)", ", mean", words)
    words = re.sub(r"^gpu(\d+)_memory_allocated_peak", r"Peak memory, tensors on GPU \1", words)
    words = re.sub(r"^gpu(\d+)_memory_peak$", r"Peak memory, GPU \1", words)
    words = re.sub(r"^gpu(\d+)_rx_mb$", r"PCIe received, GPU \1", words)
    words = re.sub(r"^gpu(\d+)_tx_mb$", r"PCIe sent, GPU \1", words)
    words = re.sub(r"^rank(\d+)_rss_peak$", r"Peak memory, resident, process \1", words)
    words = re.sub(r"^rank(\d+)_(.+)$", r"\2, process \1", words)
    words = re.sub(r"_p50(?=_|$)", ", median", words)
    words = re.sub(r"_p(\d+)(?=_|$)", r", p\1", words)
    for short, words_for in _WORDS.items():
        words = re.sub(rf"\b{short}\b", words_for, words)
    words = words.replace("_", " ")
    return words[:1].upper() + words[1:]


def unit_label(name: str) -> str:
    """The unit of a metric, by its name: `characters_p10_per_s` is in characters/s, `latency_p50_ms` in ms."""
    if name.endswith("_mb_per_s"):
        return "MB/s"
    if name.endswith("_per_s"):
        counted = re.sub(r"_(mean|p\d+)$", "", name.removesuffix("_per_s"))
        return f"{_COUNTED.get(counted, counted)}/s"
    unit = _UNIT_ENDINGS.search(name)
    return _UNITS.get(unit[1], unit[1]) if unit else ""


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
        return _CLIENTS.get(value, f"client\u00a0{value}" if value else "")
    if column == "load":
        return load_label(value) if value else ""
    if column == "accelerators":
        return accelerators_label(value)
    if column == "nodes":
        return "" if value in ("", "1") else f"{value}\u00a0nodes"
    if column == "processes":
        return f"{value}\u00a0process{'es' if value != '1' else ''}" if value else ""
    if column == "provider":
        return f"by\u00a0{_PROVIDERS[value]}" if value else ""
    if column == "split":
        return _SPLITS.get(value, value.replace("_", " "))
    if column == "inputs":
        return f"{value}\u00a0inputs"
    if column == "level":
        return level_label(value)
    if column == "weights":
        return f"{value}\u00a0weights"
    if column != "cores":
        return value
    if value == "1":
        return "1\u00a0core"
    if value == "all" or value.isdigit():
        return f"{value}\u00a0cores"
    return value if value.startswith("node") else f"cores\u00a0{value}"


def accelerators_label(count: str) -> str:
    """A number of GPUs in words: "0" is the CPU."""
    if count in ("", "0"):
        return "CPU" if count else ""
    return f"{count}\u00a0GPU{'s' if count != '1' else ''}"


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
    return MARKS.get(mark, mark)


def machine_label(system: Mapping[str, Any]) -> str:
    """A file of config/systems in a few words: its name, and its GPUs unless the name tells of them."""
    model = system.get("gpu", "").removeprefix("NVIDIA ")
    if not model or model in system["name"]:
        return str(system["name"])
    return f"{system['name']}, {system.get('gpus', 1)}\u00a0{TIMES}\u00a0{model}"


def number(value: float) -> str:
    """A number for people, of at least three significant digits and no exponent: 0.0123, 1.23, 12.3, 123, 1,234."""
    rounded = abs(float(f"{value:.3g}"))
    decimals = max(0, 2 - math.floor(math.log10(rounded))) if rounded else 0
    return f"{value:,.{decimals}f}"
