"""What the report says, as plain data: every text is still unescaped, and nothing here knows HTML."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from cotejo.labels import mark_label, number, value_label
from cotejo.report.allocation import further_nodes, of_slurm, of_staging
from cotejo.report.captions import described
from cotejo.report.results import tables, unique, worth
from cotejo.report.serving import servers

Record = Mapping[str, Any]
Row = Mapping[str, Any]

EXPLAINED = {
    "publishable": "enough was measured, it was steady, and the machine was quiet",
    "smoke": "too little was measured, or too little is known of the machine or the client, to be published",
    "unsteady": "it was not one steady thing that was measured: it drifted or stalled, or a repeat or the load was off",
    "noisy": "the machine was not quiet: something else used it, or it slowed down",
    "failed": "no value: it failed, or its export or all its requests did, or its load was not what it was to be",
    "not measured": "the study asks for it, and there is no record of it",
}


def content(
    study: Mapping[str, Any], summary: pd.DataFrame, verdicts: pd.DataFrame, records: Mapping[str, Record]
) -> dict[str, Any]:
    """What can be said of a study's results.

    `study`: title, question, overlay (its title, or empty) and figures; `summary` as `read_summary` gives it, verdicts
    as `read_verdicts`; records by their path relative to the report, each with its `origin` among its keys.
    """
    rows: list[Row] = [*summary.to_dict("records")]  # type: ignore[list-item]
    found = list(records.values())
    counted = Counter(verdicts["verdict"])
    return {
        "title": study["title"],
        "question": study["question"],
        "overlay": study["overlay"],
        "marks": [mark_label(mark) for mark in unique(mark for record in found for mark in record["marks"])],
        "period": period(found),
        "verdicts": [
            {"word": word, "count": counted[word], "text": EXPLAINED[word]} for word in EXPLAINED if counted[word]
        ],
        "figures": [described(entry) for entry in study["figures"]],
        "tables": tables([row for row in rows if row["source"] != "telemetry"]),
        "resources": tables([row for row in rows if row["source"] == "telemetry"]),
        "energy": energy_boundary(found),
        "worth": worth([*verdicts.to_dict("records")]),  # type: ignore[list-item]
        "failures": failures(records),
        "servers": servers(found),
        "machines": (measured_on := machines(found)),
        "places": unique(in_short(machine) for machine in measured_on),
        "models": models(found),
        "code": unique(record["git_revision"] or "not under git" for record in found),
        "runs": links(records),
    }


def place(record: Record) -> str:
    """Where a record was measured: its system, and whose that is where the record was imported."""
    return ", ".join(filter(None, [record["system"], value_label("origin", record["origin"])]))


def energy_boundary(records: Iterable[Record]) -> str:
    """Whose energy was measured; it is idling included."""
    levels = [level for record in records for level in record["levels"] if level["telemetry"]]
    packages = unique(level["telemetry"]["energy"]["package"] or "" for level in levels)
    parts = [f"the CPU packages ({package})" for package in packages if package]
    if any(level["telemetry"]["energy"]["gpu_j"] is not None for level in levels):
        parts.append("the GPUs (NVML)")
    if not parts:
        return "Energy: none, for this machine lets no counter of it be read."
    return f"Energy is that of {' and of '.join(parts)}, idling included."


def failures(records: Mapping[str, Record]) -> list[dict[str, Any]]:
    """What failed, once for each run, reason and message, with the repeats that it befell."""
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    for path, record in records.items():
        if record["status"] == "failed":
            facts = {"run": record["run"]["id"], "place": place(record)}
            facts |= {key: record[key] for key in ("reason", "message")}
            group = groups.setdefault(tuple(facts.values()), {**facts, "repeats": []})
            group["repeats"].append({"number": record["repeat"], "path": path})
    return list(groups.values())


def machines(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Each machine as it was probed, once for each set of facts, with the versions that computed on it."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        # Of Slurm's facts, which are other ones in each job, a line sums up those of all.
        probed = {part: facts for part, facts in record["environment"].items() if part != "slurm"}
        groups.setdefault(repr((place(record), probed)), []).append(record)
    return [machine(group) for group in groups.values()]


def machine(group: Sequence[Record]) -> dict[str, Any]:
    """One machine's facts; what it doesn't tell is left out."""
    probed, software = group[0]["environment"]["machine"], group[0]["environment"]["software"]
    gpus = [gpu["name"] for gpu in group[0]["environment"]["gpus"]]
    counted = {"cores": "cores", "hardware threads": "threads", "sockets": "sockets", "NUMA nodes": "numa_nodes"}
    facts = {
        "CPU": probed["cpu"],
        "Processors": ", ".join(f"{label}: {probed[key]}" for label, key in counted.items()),
        "Memory": f"{probed['memory_mib'] / 1024:.1f} GiB",
        "GPUs": ", ".join(f"{name} ({count})" for name, count in Counter(gpus).items()),
        "Frequency governor": probed["governor"],
        "Virtualisation": probed["virtualisation"],
        "Operating system": f"{probed['os']}, kernel {probed['kernel']}",
        "Host": probed["hostname"],
        "Slurm": of_slurm(group),
        "Further nodes": further_nodes(group),
        "Read from": of_staging(group),
        "Python": software["python"],
    }
    versions = {name: version for record in group for name, version in record["versions"].items()}
    return {
        "place": place(group[0]),
        "facts": {label: text for label, text in facts.items() if text},
        "versions": dict(sorted(versions.items())),
    }


def in_short(machine: Mapping[str, Any]) -> str:
    """A machine in a few words: its place, processor, GPUs."""
    facts = machine["facts"]
    return ": ".join([machine["place"], ", ".join(facts[key] for key in ("CPU", "GPUs") if key in facts)])


def models(records: Iterable[Record]) -> list[dict[str, str]]:
    """Each model that was measured: what it is, where its weights come from, its licence."""
    found = {}
    for record in records:
        run, model = record["run"], record["model"]
        found[run["model"], model["digest"]] = {
            "model": run["model"],
            "kind": f"{run['weights']} weights, {run['scale']} scale, {number(model['parameters'] / 1e6)}M parameters",
            "source": ", ".join(f"{key} {value}" for key, value in model["source"].items()),
            "licence": model["licence"],
        }
    return list(found.values())


def links(records: Mapping[str, Record]) -> list[dict[str, Any]]:
    """Each run's records, by where they were measured."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for path, record in records.items():
        group = groups.setdefault((record["run"]["id"], place(record)), [])
        group.append({"path": path, "repeat": record["repeat"], "failed": record["status"] == "failed"})
    return [{"run": run, "place": where, "records": group} for (run, where), group in groups.items()]


def period(records: Sequence[Record]) -> str:
    """When it was measured, to the minute, in UTC; empty where nothing was."""
    if not records:
        return ""
    first = min(record["started_at"] for record in records)
    last = max(record["finished_at"] for record in records)
    until = last[11:16] if first[:10] == last[:10] else f"{last[:10]} {last[11:16]}"
    return f"{first[:10]} {first[11:16]} to {until} UTC"
