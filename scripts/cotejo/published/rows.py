"""The published figures: config/published/<study>.csv, one row for each figure that a document prints.

Names are Cotejo's, values and units are the document's. `run` is the block of the study that re-measures a row, blank
where none does; `accelerators` 0 is the CPU. A blank in another column that tells rows apart means "not said".
"""

import csv
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cotejo.errors import CotejoError
from cotejo.schema import did_you_mean, short, shown

if TYPE_CHECKING:
    import pandas as pd

KEYS = (
    "study", "system", "run", "task", "model", "backend", "precision", "accelerators", "split", "client",
    "concurrency", "metric", "statistic",
)  # fmt: skip
COLUMNS = (*KEYS, "value", "unit", "note")

# What documents print where they have no number; blank: the command is printed, its result isn't.
OUT_OF_MEMORY = "OOM"
NO_NUMBER = (OUT_OF_MEMORY, "-", "N/A", "")

# By the unit of a metric of ours: what one of the printed unit is in it. GB are what NVIDIA's tools mean by them: GiB.
_COUNTS_PER_S = dict.fromkeys(("req/s", "infer/s", "inf/s", "tok/s", "chars/s"), 1.0)
_IN_OURS: dict[str, dict[str, float]] = {
    "ms": {"s": 1000.0, "ms": 1.0, "us": 0.001},
    "s": {"s": 1.0},
    "per_s": _COUNTS_PER_S,
    "mib": {"MiB": 1.0, "GiB": 1024.0, "GB": 1024.0},
}
UNITS = (
    *_COUNTS_PER_S, *_IN_OURS["ms"], *_IN_OURS["mib"],
    "it/s", "s/it", "requests", "tokens", "epochs", "bytes", "%", "W", "C",
    "cores", "sockets", "vCPUs", "GPUs", "USD/h",
)  # fmt: skip

# The metric of summary.csv that a printed metric and its statistic correspond to; `{}` is the percentile's number.
_ITERATION = r"iteration[1-9]\d*"
_PERCENTILE = r"p([1-9]\d?)"
_OURS = {
    ("request_throughput", "mean"): "requests_per_s",
    ("token_throughput", "mean"): "total_tokens_per_s",
    ("generation_throughput", "mean"): "tokens_per_s",
    ("inference_rate", f"mean|{_ITERATION}"): "inferences_per_s",
    ("wall_time", f"mean|{_ITERATION}"): "pass_s",
    ("latency", "mean"): "latency_mean_ms",
    ("latency", _PERCENTILE): "latency_p{}_ms",
    ("char_throughput", "mean"): "characters_mean_per_s",
    ("char_throughput", _PERCENTILE): "characters_p{}_per_s",
    ("train_time", "approx"): "train_s",
    ("gpu_memory_per_node", "peak"): "gpu_memory_peak_mib",
    ("gpu_memory_total", "approx"): "gpu_memory_total_mib",
}

_SLUG = r"[a-z0-9][a-z0-9._-]*"
_COUNT = r"0|[1-9]\d*"
_NUMBER = r"\d+(\.\d+)?"
_PATTERNS = {
    **dict.fromkeys(("study", "system", "client", "metric"), _SLUG),
    **dict.fromkeys(("run", "task", "model", "backend", "precision", "split"), f"|{_SLUG}"),
    **dict.fromkeys(("accelerators", "concurrency"), f"|{_COUNT}"),
    "statistic": r"\S(.*\S)?",
    "value": "|".join((_NUMBER, *NO_NUMBER)),
    "note": r".*",
}
_ALLOWED = {
    _SLUG: "small letters, digits, dots, underscores and hyphens",
    f"|{_SLUG}": "small letters, digits, dots, underscores and hyphens, or blank",
    f"|{_COUNT}": "a whole number, or blank",
    _PATTERNS["statistic"]: "text, such as mean, p50, or iteration1",
    _PATTERNS["value"]: f"the number as printed, or {', '.join(NO_NUMBER[:-1])}, or blank where no result is printed",
}


def read_published(path: Path) -> "pd.DataFrame":
    """The rows of config/published/<study>.csv: its columns as text, and what they are in a summary's words.

    `ours` is the metric of summary.csv that a row corresponds to, blank where there is none; `in_ours` its value in
    that metric's unit, a float, NaN where there is no number. CotejoError, with file, line, column and value, for what
    isn't as it must be.
    """
    import pandas as pd

    rows = [dict(zip(COLUMNS, cells, strict=True)) for cells in _checked(path)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
    frame["ours"] = [our_metric(row["metric"], row["statistic"]) for row in rows]
    frame["in_ours"] = [_in_ours(row) for row in rows]
    return frame.astype({"in_ours": float})


def check_published(path: Path) -> None:
    """CotejoError, as of `read_published`, unless a file of published rows is as it must be."""
    for _ in _checked(path):
        pass


def our_metric(metric: str, statistic: str) -> str:
    """The metric of a summary that a published one corresponds to; blank where there is none."""
    for (name, pattern), ours in _OURS.items():
        match = re.fullmatch(pattern, statistic) if metric == name else None
        if match:
            return ours.format(*match.groups())
    return ""


def _in_ours(row: Mapping[str, str]) -> float:
    """A row's value in the unit of our metric; NaN where either is missing."""
    ours = our_metric(row["metric"], row["statistic"])
    if not ours or row["value"] in NO_NUMBER:
        return math.nan
    return float(row["value"]) * _factors(ours)[row["unit"]]


def _factors(ours: str) -> Mapping[str, float]:
    """What one of each unit is in the unit that a metric's name ends with."""
    return next(factors for ending, factors in _by_length() if ours.endswith(f"_{ending}"))


def _by_length() -> list[tuple[str, dict[str, float]]]:
    return sorted(_IN_OURS.items(), key=lambda item: len(item[0]), reverse=True)


def _checked(path: Path) -> Iterator[list[str]]:
    """The cells of each row; CotejoError at the first that isn't as it must be."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise CotejoError(f"{shown(path)}: no such file. Name one of config/published/ in the study") from error
    except UnicodeDecodeError as error:
        raise CotejoError(f"{shown(path)}: not UTF-8 text (byte {error.start}). Save it as UTF-8") from error
    reader = csv.reader(text.splitlines(), strict=True)
    seen: dict[tuple[str, ...], int] = {}
    try:
        header = next(reader, [])
        if tuple(header) != COLUMNS:
            raise _wrong(path, 1, "header", ",".join(header), f"must be {','.join(COLUMNS)}. Copy that line")
        for cells in reader:
            _check_row(path, reader.line_num, cells)
            key = (*cells[: len(KEYS)], cells[-1])
            if key in seen:
                raise _wrong(path, reader.line_num, "metric", cells[11], f"is that of line {seen[key]}. Delete one")
            seen[key] = reader.line_num
            yield cells
    except csv.Error as error:
        raise CotejoError(f"{shown(path)}: line {reader.line_num}: no CSV: {error}. Mend that line") from error
    if not seen:
        raise CotejoError(f"{shown(path)}: line 2: missing: there is no row. Add those of the document")


def _check_row(path: Path, line: int, cells: list[str]) -> None:
    if len(cells) != len(COLUMNS):
        raise _wrong(
            path, line, "row", ",".join(cells), f"has {len(cells)} cells, not {len(COLUMNS)}. Quote what holds a comma"
        )
    row = dict(zip(COLUMNS, cells, strict=True))
    for column, pattern in _PATTERNS.items():
        if not re.fullmatch(pattern, row[column]):
            raise _wrong(path, line, column, row[column], f"must be {_ALLOWED[pattern]}. Change it")
    if row["study"] != path.stem:
        raise _wrong(path, line, "study", row["study"], f"must be the file's name, {path.stem}. Change one")
    if row["unit"] not in UNITS:
        raise _wrong(path, line, "unit", row["unit"], f"no unit of that name{did_you_mean(row['unit'], UNITS)}")
    ours = our_metric(row["metric"], row["statistic"])
    if ours and row["unit"] not in _factors(ours):
        allowed = ", ".join(_factors(ours))
        raise _wrong(path, line, "unit", row["unit"], f"no unit of {row['metric']}. Allowed: {allowed}")


def _wrong(path: Path, line: int, column: str, value: str, what: str) -> CotejoError:
    return CotejoError(f"{shown(path)}: line {line}: {column}: {short(value)}: {what}")
