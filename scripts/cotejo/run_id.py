"""The readable names of runs: of a run's settings, those that tell it from its neighbours."""

import re
from collections.abc import Mapping
from typing import Any

from cotejo import backends, servers, tasks
from cotejo.schema import schema_of
from cotejo.serving_settings import DEFAULTS, options_of

# The settings that every run id shows, in this order, after the block's name.
PARTS = ("model", "dataset", "backend", "precision", "cores")
# And the id of a run that has a server: what serves it, and what puts which load on it.
SERVED_PARTS = (*PARTS, "server", "client", "concurrency", "rate_rps")
# Those that only say how long and on what stand-in a run is measured, or judged; its digest tells such runs apart.
LEFT_OUT = (
    "weights", "scale", "duration_s", "warmup_s", "timeout_s", "ready_timeout_s", "repeats", "seed",
    "stop_width", "stop_percentile", "stop_least_s", "limit_ttft_ms", "limit_tpot_ms", "limit_latency_ms",
    "load", "passes",
)  # fmt: skip


def run_id(run: Mapping[str, Any]) -> str:
    """A readable id that depends on the run alone: its block, its main settings, and others where not the default."""
    properties = schema_of("run")["properties"]
    usual = {key: rule["default"] for key, rule in properties.items() if "default" in rule}
    usual |= {"accelerators": int(run["device"] != "cpu"), "split": None, "nodes": 1}
    usual |= dict.fromkeys(backends.options())
    usual |= tasks.options(run["task"])
    parts: tuple[str, ...] = PARTS
    if "server" in run:
        usual |= DEFAULTS | options_of(run)
        usual |= {"accelerators": int(run["device"] != "cpu"), "api": servers.server(run["server"]).APIS[0]}
        parts = SERVED_PARTS
    unusual = [key for key in properties if key not in (*parts, *LEFT_OUT) and key in run and run[key] != usual[key]]
    return "_".join([run["name"], *(_label(key, run[key]) for key in (*parts, *unusual) if key in run)])


def _label(key: str, value: Any) -> str:
    match key:
        case "cores":
            return f"{value}c" if isinstance(value, int) else {"all": "allc"}.get(value, value.replace(",", "."))
        case "client_cores":
            return f"client{_label('cores', value)}"
        case "concurrency":
            return f"closed{value}".replace(",", ".")
        case "rate_rps":
            return f"open{value:g}" if isinstance(value, float) else f"open{value.replace(',', '-')}"
    if value is None:
        return f"{key.replace('_', '')}-null"
    if isinstance(value, str):
        return re.sub(r"[^A-Za-z0-9._-]+", "-", value)
    return f"{key.replace('_', '')}{value}"
