"""The table of costs: what each rate of a study, measured or published, costs on its machine, and counted with what.

A row has everything that its cost is recomputed from. Where there is no cost, `reason` says why and what to do.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from cotejo.accelerators import ACCELERATORS
from cotejo.cost import WORKS, assumptions, bought, bounds, machines_needed, power_w, usd_per_unit
from cotejo.cost_rows import COLUMNS, MEASURED, NUMBERS, PUBLISHED, RATE, SETTINGS, Row, price_of
from cotejo.labels import machine_label, unit_label, value_label
from cotejo.verdict import NOT_MEASURED, SEPARATOR

ENERGY = {"cpu": ("package",), **dict.fromkeys(ACCELERATORS, ("gpu",))}  # without which a run's energy is not known
BOUNDARIES = {"package": "CPU packages (RAPL)", "gpu": "GPUs (NVML)"}

Systems = Mapping[str, Mapping[str, Any]]


def cost_table(
    summary: pd.DataFrame, published: pd.DataFrame, systems: Systems, config: Mapping[str, float], named: Sequence[str]
) -> pd.DataFrame:
    """The costs (columns COLUMNS) of a study, as `read_cost` reads them again.

    `summary` as `read_summary` gives it, `published` as `read_published`; `systems` the content of every file of
    config/systems, by its name; `config` the `cost` of config.yaml. `named`: systems that get a row without a rate too,
    as do all those that have rates.
    """
    rates = [*_measured(summary), *_published(published)]
    machines = dict.fromkeys([*named, *(row["system"] for row in rates if row["system"])])
    alone = [{"system": name, "basis": ""} for name in machines]
    rows = [row | _cost(row, systems, config) for row in [*alone, *rates]]
    table = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
    text = [name for name in COLUMNS if name not in NUMBERS]
    return table.fillna(dict.fromkeys(text, "")).astype({**dict.fromkeys(NUMBERS, float), **dict.fromkeys(text, str)})


def _measured(summary: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The summary's rows of what can be bought, each with the power that was measured with it; and failed runs."""
    chosen = summary[summary["metric"].isin([*WORKS, ""])]
    energy = _energy(summary)
    for row in _rows(chosen):
        if row["metric"] and not bought(row["task"], row["metric"]):
            continue
        measured = energy.get(_level(row), {})
        kept = {name: row[name] for name in (*SETTINGS, *RATE, "verdict", "reasons", "marks")}
        yield kept | {"basis": MEASURED, **_measured_power(row, measured)}


def _energy(summary: pd.DataFrame) -> dict[tuple[str, ...], dict[str, float]]:
    """The energy of a request in J, of each level, by whose it was."""
    found: dict[tuple[str, ...], dict[str, float]] = {}
    for boundary in BOUNDARIES:
        rows = summary[(summary["metric"] == f"{boundary}_energy_per_request_j") & summary["median"].notna()]
        for row in _rows(rows):
            found.setdefault(_level(row), {})[boundary] = row["median"]
    return found


def _rows(table: pd.DataFrame) -> list[Row]:
    return [*table.to_dict("records")]  # type: ignore[list-item]


def _level(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in ("run", "digest", "origin", "system", "environment", "level"))


def _measured_power(row: Row, energy_j: Mapping[str, float]) -> dict[str, Any]:
    """The mean power of what was measured, and whose it was; nothing where what does the work wasn't measured."""
    needed = ENERGY.get(row["device"], tuple(BOUNDARIES))
    succeeded = row["requests"] - row["failed_requests"]
    if not set(needed) <= set(energy_j) or not succeeded > 0 or not row["measured_s"] > 0:
        return {}
    counted = [name for name in BOUNDARIES if name in energy_j and (name in needed or row["device"] in ACCELERATORS)]
    watts = power_w(sum(energy_j[name] for name in counted), succeeded / row["measured_s"])
    whose = " and ".join(BOUNDARIES[name] for name in counted)
    return {"measured_power_w": watts, "measured_power": f"measured, of {whose} alone"}


def _published(published: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The published rows of what can be bought; of repeated measurements, the mean that the document gives."""
    for row in _rows(published[published["ours"].isin(WORKS)]):
        if row["statistic"].startswith("iteration"):
            continue
        settings = dict.fromkeys(SETTINGS, "") | {
            name: row[name] for name in ("system", "task", "model", "backend", "precision", "split", "client")
        }
        on_gpu = row["accelerators"] not in ("", "0")
        yield settings | {
            "basis": PUBLISHED, "name": row["run"], "run": row["run"], "device": "cuda" if on_gpu else "",
            "accelerators": row["accelerators"] if on_gpu else "",
            "concurrency": float(row["concurrency"] or math.nan), "rate_rps": math.nan,
            "metric": row["ours"], "unit": unit_label(row["ours"]),
            "better": "higher" if WORKS[row["ours"]].rate else "lower",
            "median": row["in_ours"], "low": math.nan, "high": math.nan, "values": "", "repeats": math.nan,
            "verdict": PUBLISHED, "marks": "",
            "reasons": f"the document prints {row['value'] or 'no value'}" if math.isnan(row["in_ours"]) else "",
        }  # fmt: skip


def _cost(row: Row, systems: Systems, config: Mapping[str, float]) -> dict[str, Any]:
    """The cells of a row that tell its cost, and what it was counted with."""
    name = row["system"]
    cells: dict[str, Any] = {"per": "", "machine": name, "site": "", "assumed": "", "reason": "", "power": ""}
    metric = row.get("metric", "")
    if metric:
        cells["per"] = WORKS[metric].unit
    if not name:
        return cells | {"reason": row.get("reasons") or NOT_MEASURED}
    file = f"config/systems/{name}.yaml"
    if name not in systems:
        return cells | {"reason": f"{file}: no such file. Write it, with usd_per_hour or purchase_usd"}
    system = systems[name]
    accelerators, nodes = (int(row.get(key) or 0) for key in ("accelerators", "nodes"))
    machines = machines_needed(accelerators, system.get("gpus", 0), nodes)
    origin = value_label("origin", row.get("origin", ""))
    cells |= {"machine": ", ".join(filter(None, [machine_label(system), origin])), "site": system["site"]}
    told = _price_cells(row, system, config, machines)
    if lacking := _lacking(told, file):
        return cells | {"reason": lacking}
    cells |= told
    if not metric:
        return cells | {"reason": row.get("reasons") or row.get("verdict", "")}
    if not row["median"] > 0:
        return cells | {"reason": row["reasons"].split(SEPARATOR)[0] or "no rate"}
    price = price_of(cells)
    hour = price.usd_per_hour(cells["utilisation"])
    low, high = bounds(hour, metric, row["low"], row["high"])
    return cells | {"usd": usd_per_unit(hour, metric, row["median"]), "usd_low": low, "usd_high": high}


def _price_cells(row: Row, system: Mapping[str, Any], config: Mapping[str, float], machines: int) -> dict[str, Any]:
    """What a machine's file gives of its price, and what is assumed of it. Electricity is in a rented hour's price."""
    told: dict[str, Any] = {"machines": machines}
    if "usd_per_hour" in system:
        told |= {"usd_per_hour": system["usd_per_hour"], "utilisation": 1.0}
    else:
        told |= {name: system[name] for name in ("purchase_usd", "power_w") if name in system}
        told |= vars(assumptions(config, system))
    if "measured_power_w" in row and machines == 1 and "purchase_usd" in system:
        told |= {"power_w": row["measured_power_w"], "power": row["measured_power"]}
    file_has = [key for key in system.get("assumed", {}) if told.get(key) == system[key]]
    reasons = {key: system["assumed"][key] for key in file_has}
    return told | {"assumed": json.dumps(reasons, ensure_ascii=False) if reasons else ""}


def _lacking(told: Row, file: str) -> str:
    """What a machine's file must still give before anything on it has a cost; empty where nothing lacks."""
    if "usd_per_hour" in told:
        return ""
    if "purchase_usd" not in told:
        return f"{file}: neither usd_per_hour nor purchase_usd is given. Give what the machine costs"
    if "power_w" not in told:
        return f"{file}: power_w is not given, and no energy was measured. Give what the machine draws"
    return ""


def read_cost(source: Path | TextIO) -> pd.DataFrame:
    """A cost.csv, or its text: NUMBERS as floats (NaN where blank), the rest as text (empty where blank)."""
    table = pd.read_csv(source, dtype=str, keep_default_na=False)
    return table.assign(**{name: pd.to_numeric(table[name]) for name in NUMBERS})
