"""What a load level cost in resources, as metrics for the summary."""

from collections.abc import Iterator, Mapping
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
    memory = [gpu["memory_peak_mib"] for gpu in telemetry["gpus"] if gpu["memory_peak_mib"] is not None]
    if memory:
        yield Metric("gpu_memory_peak_mib", max(memory), "MiB", "lower")
