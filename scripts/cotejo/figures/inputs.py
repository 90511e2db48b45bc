"""What a kind of figure may draw beside the summary, by the names that its `INPUTS` have."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cotejo.errors import CotejoError

if TYPE_CHECKING:
    import pandas as pd

Paths = Mapping[str, Path | None]

# Named only where a measured figure cannot do without it: the others are empty where there is no file.
NEEDED = ("distributions",)

# The columns of `published`: those of config/published/*.csv, and what cotejo makes of them.
PUBLISHED = (
    "study", "system", "run", "task", "model", "backend", "precision", "accelerators", "split", "client", "concurrency",
    "metric", "statistic", "value", "unit", "note", "ours", "in_ours", "machine",
)  # fmt: skip


def read_inputs(names: Sequence[str], paths: Paths, machines: Mapping[str, str]) -> dict[str, Any]:
    """What `draw` and `describe` of a kind with these INPUTS take, by keyword.

    `distributions`, `published` and `cost` are tables, without rows where there is no file. `published` has a column
    `machine` more than its file: what `machines` says of a row's system, and the system's id where it says nothing.
    `records`, the study's folder of results, and `logs`, the folder of published logs, stay paths, or None.
    CotejoError where a file is not what it should be.
    """
    for name in NEEDED:
        if name in names and paths["summary"] and not paths[name]:
            raise CotejoError(f"--{name}: missing, but this kind draws them beside the summary. Give {name}.csv")
    readers = {"distributions": _distributions, "cost": _cost, "records": _same, "logs": _same}
    readers |= {"published": lambda path: _published(path, machines)}
    return {name: readers[name](paths[name]) for name in names}


def read_rows(path: Path | None) -> "pd.DataFrame":
    """A summary.csv as `read_summary` gives it; without rows where nothing was measured."""
    from cotejo import summary

    return summary.read_summary(path) if path else _empty(summary.COLUMNS)


def _same(path: Path | None) -> Path | None:
    return path


def _distributions(path: Path | None) -> "pd.DataFrame":
    from cotejo import distribution

    return distribution.read_distributions(path) if path else _empty(distribution.COLUMNS)


def _cost(path: Path | None) -> "pd.DataFrame":
    from cotejo.cost_table import COLUMNS, read_cost

    return read_cost(path) if path else _empty(COLUMNS)


def _published(path: Path | None, machines: Mapping[str, str]) -> "pd.DataFrame":
    if path is None:
        return _empty(PUBLISHED)
    from cotejo.published.rows import read_published

    table = read_published(path)
    return table.assign(machine=[machines.get(system, system) for system in table["system"]])


def _empty(columns: Sequence[str]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(columns=list(columns))
