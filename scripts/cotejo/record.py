"""Records: what one repeat measured, as JSON by config/schemas/record.schema.json, its raw samples beside it as CSV."""

import csv
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cotejo.errors import CotejoError
from cotejo.files import read_json, replacing, sha256_of, write_json
from cotejo.schema import validate

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 0
REASONS = (
    "export", "parity", "constants", "corrupt-export", "out-of-memory", "killed", "timeout", "lost-pin", "error",
)  # fmt: skip

_NAME = re.compile(r"r([1-9][0-9]*)\.json")


def samples_path(record: Path) -> Path:
    """Where the samples of a record lie: r1.samples.csv beside r1.json."""
    return record.with_name(f"{record.stem}.samples.csv")


def find(results: Path) -> list[Path]:
    """The records below a results folder (results/<study>), by system, run and repeat."""
    paths = (path for path in results.glob("records/*/*/*.json") if _NAME.fullmatch(path.name))
    return sorted(paths, key=lambda path: (path.parent, int(_NAME.fullmatch(path.name)[1])))  # type: ignore[index]


def read(path: Path) -> dict[str, Any]:
    """A record, once it follows the schema and its samples are those it was written with; CotejoError where not."""
    record = read_json(path)
    version = record.get("schema_version") if isinstance(record, dict) else None
    if version != SCHEMA_VERSION:
        raise CotejoError(
            f"{path}: schema_version: {version!r}: this Cotejo reads version {SCHEMA_VERSION}. "
            f"Use the Cotejo that wrote the record, or delete it to measure again"
        )
    validate(record, "record", path)
    if record["samples"] is not None:
        samples = path.parent / record["samples"]["file"]
        if not samples.is_file():
            raise CotejoError(
                f"{samples}: no such file, but {path.name} has it. Copy both, or delete both to measure again"
            )
        if sha256_of(samples) != record["samples"]["sha256"]:
            raise CotejoError(
                f"{samples}: has changed since {path.name} was written. Restore it, or delete both to measure again"
            )
    return record


def read_samples(path: Path, record: dict[str, Any]) -> "pd.DataFrame":
    """The samples of a record that `read` returned: a row per request, columns as the task's docstring has them."""
    import pandas as pd

    if record["samples"] is None:
        raise CotejoError(f"{path}: samples: null: this repeat measured nothing ({record['reason']}). Leave it out")
    return pd.read_csv(path.parent / record["samples"]["file"])


def write(path: Path, record: dict[str, Any], samples: Path | None) -> None:
    """Write the samples and then the record, so that a record is never without them.

    `record["samples"]` is filled in here. Without samples their file is written empty: the workflow expects it.
    """
    target = samples_path(path)
    record = {**record, "samples": None}
    with replacing(target) as temporary:
        if samples is None:
            temporary.touch()
        else:
            shutil.copyfile(samples, temporary)
            record["samples"] = {"file": target.name, "sha256": sha256_of(temporary), "rows": count_rows(temporary)}
        validate(record, "record", path)
    write_json(path, record)


def count_rows(samples: Path) -> int:
    """The number of rows below the header of a CSV file, as CSV counts them: a quoted cell may hold line ends."""
    with samples.open(newline="", encoding="utf-8") as stream:
        return max(0, sum(1 for _ in csv.reader(stream)) - 1)


def utc_now() -> str:
    """The time as records write it: 2026-01-31T12:00:00.000Z."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
