"""The published rows of a study, gathered by what was measured: all that a document prints of one measurement."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cotejo.published.rounding import Rounded, cut, rounded
from cotejo.published.rows import NO_NUMBER

if TYPE_CHECKING:
    import pandas as pd

WHAT = ("system", "model", "backend", "precision", "accelerators", "split", "client", "concurrency")
PLACEMENT = ("accelerators", "split")
PROGRESS = "progress"

Row = Mapping[str, str]


@dataclass(frozen=True)
class Group:
    """One measurement of a document: `what` was measured (WHAT), what it is called, and the rows printed of it."""

    study: str
    what: Mapping[str, str]
    words: str
    rows: Sequence[Row]

    @property
    def run(self) -> str:
        """The block of the study that re-measures it; blank where none does."""
        return next((row["run"] for row in self.rows if row["run"]), "")

    @property
    def accelerators(self) -> int | None:
        """How many, 0 for the CPU; None where the document doesn't say."""
        return int(self.what["accelerators"]) if self.what["accelerators"] else None

    def numbers(self, metric: str) -> dict[str, str]:
        """What is printed of a metric, by statistic: numbers alone."""
        return {
            row["statistic"]: row["value"]
            for row in self.rows
            if row["metric"] == metric and row["value"] not in NO_NUMBER
        }

    def text(self, metric: str, statistic: str) -> str | None:
        """One printed number, as it is printed; None where there is none."""
        return self.numbers(metric).get(statistic)

    def figure(self, metric: str, statistic: str) -> Rounded | None:
        """One printed number, with what its rounding leaves open: a progress bar drops the parts of a second."""
        text = self.text(metric, statistic)
        if text is None:
            return None
        return cut(text) if metric == "total_time" and self.numbers(PROGRESS) else rounded(text)

    def note(self, metric: str, statistic: str) -> str:
        """What its row notes of it."""
        return next(row["note"] for row in self.rows if (row["metric"], row["statistic"]) == (metric, statistic))

    def unit(self, metric: str) -> str:
        """The unit of a metric that is printed of it."""
        return next(row["unit"] for row in self.rows if row["metric"] == metric)


@dataclass(frozen=True)
class Paper:
    """A study on paper alone: what its document prints, its blocks' settings and its machines by their names."""

    study: str
    title: str
    groups: Sequence[Group]
    blocks: Mapping[str, Mapping[str, Any]]
    systems: Mapping[str, Mapping[str, Any]]
    logs: Mapping[str, Sequence[Mapping[str, Any]]]  # of nvidia-smi dmon, by file, as cotejo.telemetry.dmon reads them


def groups_of(rows: "pd.DataFrame") -> list[Group]:
    """The groups of one study's rows (`read_published`), in the document's order; snapshots of one thing apart.

    Their words say only what tells them from the others of the study.
    """
    found: dict[tuple[str, ...], list[Row]] = {}
    lines: list[Row] = [*rows.to_dict("records")]  # type: ignore[list-item]
    for row in lines:
        moment = row["note"] if row["statistic"] == "snapshot" else ""
        found.setdefault((*(row[column] for column in WHAT), moment), []).append(row)
    keys = [dict(zip(WHAT, key, strict=False)) for key in found]
    varying = {column for column in WHAT if len({key[column] for key in keys if key[column]}) > 1}
    return [
        Group(members[0]["study"], key, _words(key, varying), members)
        for key, members in zip(keys, found.values(), strict=True)
    ]


def alike(groups: Iterable[Group], but: Sequence[str]) -> list[list[Group]]:
    """The groups in families that differ in nothing but these columns of WHAT, in the order of their first members."""
    families: dict[tuple[str, ...], list[Group]] = {}
    for group in groups:
        families.setdefault(tuple(group.what[column] for column in WHAT if column not in but), []).append(group)
    return list(families.values())


def placement_words(accelerators: str) -> str:
    """`0` is "CPU", `2` is "2 GPUs"; blank where nothing is said."""
    if not accelerators:
        return ""
    return "CPU" if accelerators == "0" else f"{accelerators} GPU{'s' if accelerators != '1' else ''}"


def level_words(concurrency: str) -> str:
    """`4` is "4 at once"; blank where nothing is said."""
    return f"{concurrency} at once" if concurrency else ""


_WORDS: Mapping[str, Callable[[str], str]] = {"accelerators": placement_words, "concurrency": level_words}


def _words(key: Mapping[str, str], varying: set[str]) -> str:
    parts = [_WORDS.get(column, str)(key[column]) for column in WHAT if column in varying]
    return ", ".join(filter(None, parts))
