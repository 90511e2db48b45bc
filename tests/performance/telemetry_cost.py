"""What telemetry costs: a real workload's median latency with the sampler beside it against without, in turn."""

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from artefacts import LLAMA, LLAMA_EXPORT, PROMPT
from page import Comparison
from sides import Bench

from cotejo.telemetry.beside import sampling
from cotejo.telemetry.table import read_table, sampling_cost

# On every CPU that there is, so that the sampler has none of its own.
TEXT = {"task": "text-generation", "architecture": "llama", "backend": "openvino", "new_tokens": 64}


def telemetry_cost(bench: Bench, repeats: int) -> list[Comparison]:
    """Measure it so many times on and off, in an order that alternates."""
    on_ms: list[float] = []
    off_ms: list[float] = []
    own_percent: list[float] = []
    for repeat in range(repeats):
        for sampled in (True, False) if repeat % 2 == 0 else (False, True):
            if sampled:
                on_ms.append(median_latency_beside_sampler_ms(bench, own_percent))
            else:
                off_ms.append(median_latency_ms(bench))
        print(f"telemetry on {on_ms[-1]:.2f} ms, off {off_ms[-1]:.2f} ms, its CPU {own_percent[-1]:.2f} %", flush=True)
    return comparisons(on_ms, off_ms, own_percent)


def median_latency_ms(bench: Bench) -> float:
    metrics = bench.worker(LLAMA, LLAMA_EXPORT, PROMPT, **TEXT)["metrics"]
    found: float = metrics["single-stream"]["latency_p50_ms"]
    return found


def median_latency_beside_sampler_ms(bench: Bench, own_percent: list[float]) -> float:
    """The same while it is sampled; the sampler's CPU time, in percent of one CPU's, is appended."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "telemetry.csv"
        with sampling(frozenset(bench.cpus), output):
            median_ms = median_latency_ms(bench)
        own = sampling_cost(read_table(output))["own_cpu_percent"]
        assert own is not None
        own_percent.append(own)
    return median_ms


def comparisons(on_ms: Sequence[float], off_ms: Sequence[float], own_percent: Sequence[float]) -> list[Comparison]:
    """The change of the median must stay within the noise: the standard deviation between the repeats without it."""
    noise = statistics.stdev(off_ms) / statistics.median(off_ms)
    one = [1.0] * len(own_percent)
    return [
        Comparison(
            "Llama's median latency, telemetry on", "telemetry off, and the noise between its repeats", "ms",
            on_ms, off_ms, round(1 + noise, 4), at_most=True,
        ),
        Comparison(
            "telemetry's own CPU time at 5 Hz", "one percent of one core", "% of a core", own_percent, one, 1,
            at_most=True,
        ),
    ]  # fmt: skip
