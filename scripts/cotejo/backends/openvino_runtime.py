"""What the backends on OpenVINO's runtime share: its settings, and what it made of them."""

from collections.abc import Mapping
from typing import Any

# openvino.Core's own name for a CPU.
PLUGINS = {"cpu": "CPU"}


def settings(run: Mapping[str, Any], threads: int, hint: str) -> dict[str, Any]:
    """A run's settings as OpenVINO's properties. `hint` is LATENCY (one request at a time) or THROUGHPUT.

    The runtime does not pin its threads: the process is pinned from outside, and other stages share its cores.
    """
    properties = {"PERFORMANCE_HINT": hint, "INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": False}
    if run["compute_precision"] != "device-default":
        properties["INFERENCE_PRECISION_HINT"] = run["compute_precision"]
    return properties


def resolved(compiled: Any) -> dict[str, str]:
    """Every property that a compiled model tells, as text: its streams, threads, precision, …"""
    names = sorted(set(compiled.get_property("SUPPORTED_PROPERTIES")) - {"SUPPORTED_PROPERTIES", "NETWORK_NAME"})
    return {name: _text(compiled.get_property(name)) for name in names}


def _text(value: Any) -> str:
    from openvino import Type

    return value.to_string() if isinstance(value, Type) else str(value)


def resolved_alike(device: str, properties: Mapping[str, Any]) -> dict[str, str]:
    """What the device makes of settings, where a library keeps its compiled model to itself: a tiny one tells."""
    import openvino
    from openvino import opset13

    value = opset13.parameter([1], name="value")
    model = openvino.Model([opset13.relu(value)], [value], "tiny")
    return resolved(openvino.Core().compile_model(model, device, dict(properties)))
