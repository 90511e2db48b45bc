"""What the report says of the servers measured and the clients that drove them."""

from collections.abc import Iterable, Mapping
from typing import Any

from cotejo.labels import number

Record = Mapping[str, Any]


def servers(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Each server and client that belong together, once for each set of facts; none of what was measured in process."""
    found: dict[str, dict[str, Any]] = {}
    for record in records:
        if record["server"] is not None and record["client"] is not None:
            server, client = record["server"], record["client"]
            facts = {"Client": client_text(client)}
            if not client.get("engine"):
                facts = {"Server": server_text(server), **facts}
                facts["What the client can do"] = calibration_text(client["calibration"])
            title = f"{server['name']}, {'its engine held' if client.get('engine') else 'driven'} by {client['name']}"
            found[repr((title, facts))] = {"title": title, "facts": facts}
    return list(found.values())


def server_text(server: Mapping[str, Any]) -> str:
    """A server's version and where it came from, whether it imitates one, whether it asked for a key."""
    source = f"image {server['image']}" if server["image"] else f"envs/{server['environment']}.txt"
    parts = [
        f"version {server['version']}" if server["version"] else "of unknown version",
        source if server["image"] or server["environment"] else "in Cotejo's own environment",
        "a stand-in that only imitates it" if server["stand_in"] else "",
        "" if server["key"] else "without a key, on this machine's own addresses alone",
    ]
    return ", ".join(filter(None, parts))


def client_text(client: Mapping[str, Any]) -> str:
    """A client's version, and where it ran."""
    cpus = ", ".join(map(str, client["cpus"]))
    if client.get("engine"):
        return f"version {client['version']}, holding the engine itself, on CPUs {cpus}; no server was running"
    where = f"on CPUs {cpus}" + (", some of them the server's too" if client["shared_cores"] else "")
    return f"version {client['version']}, {where}" if client["version"] else where


def calibration_text(calibration: Mapping[str, Any] | None) -> str:
    """What the client reached at a server that answers at once, and what it adds to a request's time."""
    if calibration is None:
        return "not calibrated"
    parts = [f"{number(calibration['closed_rps'])} requests/s"]
    if calibration["streaming_rps"] is not None:
        parts.append(f"{number(calibration['streaming_rps'])} streamed answers/s")
    added = {"median": calibration["added_latency_p50_ms"], "p99": calibration["added_latency_p99_ms"]}
    known = [f"{number(value_ms)} ms ({name})" for name, value_ms in added.items() if value_ms is not None]
    parts += [f"adding {', '.join(known)}"] if known else []
    return f"at a server that answers at once: {', '.join(parts)}"
