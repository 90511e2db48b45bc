"""What the report says of a study's results beside what was published: plain data, a line for each published value."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from cotejo.equivalence import NOT_COMPARABLE
from cotejo.labels import HERE, metric_label, number, value_label
from cotejo.report.results import exact, in_one_line, interval, parts
from cotejo.standing import NOT_MEASURED, OUT_OF_MEMORY, WORDS

Row = Mapping[str, Any]

EXPLAINED = {
    "reproduced": "like was measured, and the whole interval of the ratio lies within the tolerance",
    "faster": "like was measured, and the whole interval lies beyond the tolerance, on the better side",
    "slower": "like was measured, and the whole interval lies beyond the tolerance, on the worse side",
    "less": "likewise, of memory",
    "more": "likewise, of memory",
    "not comparable": "measured, but not the same thing, or not well enough to tell: the reasons say which",
    "not measured": "published, and nothing here measured it: the reasons say why",
}
SETTINGS = ("model", "backend", "precision", "accelerators", "split", "client", "concurrency")
MACHINE = ("origin", "system")
COUNTED = ("sockets", "cores", "vCPUs", "GPUs")


def beside(comparison: pd.DataFrame, tolerance_percent: float) -> dict[str, Any]:
    """A study's comparison (as `cotejo.standing.read_standings` gives it) as a page tells it.

    A line for each published value, those of one run together, and last what no run measures again. What all that was
    measured has in common is said once on top.
    """
    rows: list[Row] = [*comparison.to_dict("records")]  # type: ignore[list-item]
    counted = Counter(row["standing"] for row in rows)
    common = shared(reasons(row) for row in rows if row["standing"] != NOT_MEASURED)
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in sorted(rows, key=lambda row: not row["name"]):
        groups.setdefault((row["name"], row["published_system"]), []).append(row)
    apart = {key: environments(members) for key, members in groups.items()}
    measured = {tuple(row[key] for key in MACHINE) for row in rows if row["system"]}
    return {
        "counts": [{"word": word, "count": counted[word], "text": EXPLAINED[word]} for word in WORDS if counted[word]],
        "least": number(1 / (1 + tolerance_percent / 100)),
        "most": number(1 + tolerance_percent / 100),
        "tolerance": f"{tolerance_percent:g}",
        "common": common,
        "several": len(measured) > 1 or any(apart.values()),
        "lines": [line(row, common, apart[key]) for key, members in groups.items() for row in members],
    }


def line(row: Row, common: Sequence[str], apart: bool) -> dict[str, Any]:
    """One published value, and what was measured of it.

    Reasons that are in `common` are left out; `apart` says whether the environment tells machines apart.
    """
    measured = not math.isnan(row["median"])
    # As printed is enough where only the unit's name differs from ours.
    converted = measured and row["published"] > 0 and float(row["value"]) != row["published"]
    return {
        "name": row["name"] or "not measured again",
        "settings": settings_text(row),
        "system": row["published_system"],
        "metric": metric_text(row),
        "published": published_text(row["value"], row["published_unit"]),
        "published_exact": exact(row["published"]),
        "converted": f"{number(row['published'])} {row['unit']}" if converted else "",
        "ours": f"{number(row['median'])} {row['unit']}" if measured else instead_of_value(row),
        "ours_exact": exact(row["median"]),
        "interval": interval(row["low"], row["high"]),
        "ratio": "" if math.isnan(row["ratio"]) else number(row["ratio"]),
        "ratio_exact": exact(row["ratio"]),
        "ratio_interval": interval(row["ratio_low"], row["ratio_high"]),
        "machine": machine(row, apart),
        "standing": row["standing"],
        "like": row["standing"] not in (NOT_COMPARABLE, NOT_MEASURED),
        "reasons": [reason for reason in reasons(row) if reason not in common],
        "remarks": remarks(row),
    }


def instead_of_value(row: Row) -> str:
    """What stands where our value would, had it one: as documents print it, OOM, where it ran out of memory."""
    ran_out = row["verdict"] == "failed" and "out of memory" in row["reasons"].replace("-", " ")
    return OUT_OF_MEMORY["published"] if ran_out else ""


def metric_text(row: Row) -> str:
    """What was published, in our words where we have some; its statistic where those don't tell it."""
    label = metric_label(row["metric"]) if row["metric"] else published_label(row["published_metric"])
    told = row["statistic"] in ("mean", "count") or row["statistic"].lstrip("p").isdigit()
    return label if told else f"{label} ({row['statistic'].replace('_', ' ')})"


def published_label(name: str) -> str:
    """A metric that only documents have, in words: `vcpus` is "vCPUs", `gpu_power` "GPU power"."""
    words = re.sub(
        r"\b(v?)(cpu|gpu)(s?)\b", lambda found: f"{found[1]}{found[2].upper()}{found[3]}", name.replace("_", " ")
    )
    return words if words.startswith("vCPU") else f"{words[:1].upper()}{words[1:]}"


def published_text(value: str, unit: str) -> str:
    """A value as printed with its unit, in the singular of one thing; what is no number has no unit."""
    if not value[:1].isdigit():
        return value
    return f"{value} {unit.removesuffix('s') if value == '1' and unit in COUNTED else unit}"


def environments(members: Sequence[Row]) -> bool:
    """Whether a machine measured one of these published values in several environments; unlike runs always differ."""
    measured = [row for row in members if row["system"]]
    keys = (*SETTINGS, "published_metric", "statistic", "note", "level", "origin", "system")
    alike = Counter(tuple(row[key] for key in keys) for row in measured)
    return any(count > 1 for count in alike.values())


def machine(row: Row, apart: bool) -> str:
    """Where a value was measured, and in which environment where that tells it apart; empty where nothing was."""
    if not row["system"]:
        return ""
    where = [row["system"], value_label("origin", row["origin"]) or HERE]
    return ", ".join([*where, *([value_label("environment", row["environment"])] if apart else [])])


def settings_text(row: Row) -> str:
    """A row's settings in one line."""
    return in_one_line(setting(key, row[key]) for key in SETTINGS if row[key])


def setting(key: str, value: str) -> str:
    """A setting in a few words: "2 GPUs", "4 at once"."""
    return f"{value}\u00a0at\u00a0once" if key == "concurrency" else value_label(key, value)


def reasons(row: Row) -> list[str]:
    """The reasons of a row's standing."""
    return parts(row["reasons"])


def remarks(row: Row) -> list[str]:
    """What there is to know of a published value, the document's own words or its reader's note included."""
    return [*parts(row["remarks"]), *filter(None, [row["note"]])]


def shared(lists: Iterable[Sequence[str]]) -> list[str]:
    """What stands in all of these lists, in the order of the first."""
    first, *others = [*lists] or [[]]
    return [item for item in first if all(item in other for other in others)]
