"""What a load level cost in resources, as metrics for the summary."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cotejo.tasks import Metric


def resource_metrics(level: Mapping[str, Any], requests_ok: int, nodes: int = 1) -> list[Metric]:
    """The resources of one of a record's levels in which `requests_ok` requests succeeded; only those that are known.

    Energy is that of the whole boundary, idling included, divided by the requests. Of several nodes what is known is
    of the first one, which is no energy of their requests.
    """
    found = list(_metrics(level["telemetry"], requests_ok)) if level["telemetry"] else []
    return [metric for metric in found if nodes == 1 or metric.unit != "J"]


def _metrics(telemetry: Mapping[str, Any], requests_ok: int) -> Iterator[Metric]:
    yield Metric("cpu_cores", telemetry["cpu_cores"], "cores", "lower")
    if telemetry["client_cpu_cores"]:  # else there was no client, or nobody looked at it
        yield Metric("client_cpu_cores", telemetry["client_cpu_cores"], "cores", "lower")
    for name in ("rss_peak_mib", "pss_peak_mib"):
        if telemetry[name] is not None:
            yield Metric(name, telemetry[name], "MiB", "lower")
    for boundary in ("package", "gpu"):
        energy_j = telemetry["energy"][f"{boundary}_j"]
        if energy_j is not None and requests_ok:
            yield Metric(f"{boundary}_energy_per_request_j", energy_j / requests_ok, "J", "lower")
    yield from _of_gpus([gpu for gpu in telemetry["gpus"] if gpu.get("used", True)])


def _of_gpus(gpus: Sequence[Mapping[str, Any]]) -> Iterator[Metric]:
    """The memory of the GPUs that were measured, of several of each too, and what each had to do with the others."""
    memory = {number: gpu["memory_peak_mib"] for number, gpu in enumerate(gpus) if gpu["memory_peak_mib"] is not None}
    if memory:
        yield Metric("gpu_memory_peak_mib", max(memory.values()), "MiB", "lower")
    if memory and len(memory) == len(gpus):
        yield Metric("gpu_memory_total_mib", sum(memory.values()), "MiB", "lower")
    if len(gpus) == 1:
        return
    yield from (Metric(f"gpu{number}_memory_peak_mib", peak, "MiB", "lower") for number, peak in memory.items())
    for number, gpu in enumerate(gpus):
        for direction in ("rx", "tx"):
            if (mean := gpu[f"{direction}_mb_per_s"]) is not None:
                yield Metric(f"gpu{number}_{direction}_mb_per_s", mean, "MB/s", "lower")
