"""Logs of `nvidia-smi dmon`, by the columns' names of our own GPU telemetry where they mean the same."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cotejo.errors import CotejoError

# dmon's name and unit of a column, and ours.
NAMES = {
    ("gpu", "Idx"): "gpu",
    ("Date", "YYYYMMDD"): "date",
    ("Time", "HH:MM:SS"): "time",
    ("pwr", "W"): "power_w",
    ("gtemp", "C"): "temperature_c",
    ("mtemp", "C"): "memory_temperature_c",
    ("sm", "%"): "utilisation_percent",
    ("mem", "%"): "memory_utilisation_percent",
    ("enc", "%"): "encoder_utilisation_percent",
    ("dec", "%"): "decoder_utilisation_percent",
    ("jpg", "%"): "jpeg_utilisation_percent",
    ("ofa", "%"): "optical_flow_utilisation_percent",
    ("mclk", "MHz"): "memory_clock_mhz",
    ("pclk", "MHz"): "sm_clock_mhz",
    ("fb", "MB"): "memory_mib",
    ("rxpci", "MB/s"): "rx_mb_per_s",
    ("txpci", "MB/s"): "tx_mb_per_s",
}
TEXTS = ("date", "time")
MISSING = "-"


def read_dmon(path: Path) -> list[dict[str, Any]]:
    """The rows of a log, each a GPU at an instant, in the order they were written.

    Numbers, whole ones `gpu` apart being floats, and None for what the GPU does not tell; `date` and `time` are texts,
    there only where the log has them (`-o DT`). A column that we have no name for is called by dmon's name and unit.
    A last line that was cut off is left out. CotejoError where this is no such log.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise CotejoError(f"{path}: no such file. Mend the path") from error
    except UnicodeDecodeError as error:
        raise _wrong(path, 1, "not text") from error
    rows = list(_rows(path, text))
    if not rows:
        raise _wrong(path, 1, "no row of a GPU")
    return rows


def _rows(path: Path, text: str) -> Iterator[dict[str, Any]]:
    lines = text.splitlines()
    names: list[str] = []  # dmon's, of a header whose units come next
    columns: list[str] = []
    width = 0
    for number, line in enumerate(lines, start=1):
        cells = line.lstrip("#").split()
        if not cells:
            continue
        if line.startswith("#"):
            if names:
                if len(cells) != len(names):
                    raise _wrong(path, number, f"{len(cells)} units for {len(names)} columns")
                columns, names, width = list(map(_column, names, cells)), [], len(line.rstrip())
            else:
                names = cells
            continue
        if not columns or names:
            raise _wrong(path, number, "a row before the two lines of names and units")
        # dmon aligns its columns to the right: a line that is shorter than its header was cut off.
        if number == len(lines) and not text.endswith("\n") and (len(cells) < len(columns) or len(line) < width):
            return
        if len(cells) != len(columns):
            raise _wrong(path, number, f"{len(cells)} cells for {len(columns)} columns")
        yield {name: _value(path, number, name, cell) for name, cell in zip(columns, cells, strict=True)}


def _column(name: str, unit: str) -> str:
    if (name, unit) in NAMES:
        return NAMES[name, unit]
    spelt = unit.lower().replace("/", "_per_").replace("%", "percent")
    return "_".join(filter(None, re.sub(r"[^a-z0-9]+", "_", f"{name.lower()}_{spelt}").split("_")))


def _value(path: Path, number: int, name: str, cell: str) -> float | int | str | None:
    if cell == MISSING:
        return None
    if name in TEXTS:
        return cell
    try:
        value = int(cell) if name == "gpu" else float(cell)
    except ValueError as error:
        raise _wrong(path, number, f"{name}: {cell!r} is not a number") from error
    if not math.isfinite(value):
        raise _wrong(path, number, f"{name}: {cell!r} is not a number")
    return value


def _wrong(path: Path, number: int, what: str) -> CotejoError:
    return CotejoError(f"{path}: line {number}: {what}. Give the unchanged output of `nvidia-smi dmon`")
