"""Records: what one repeat measured, as JSON by config/schemas/record.schema.json, its raw samples beside it as CSV."""

import csv
import re
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cotejo.errors import CotejoError
from cotejo.files import read_json, replacing, sha256_of, write_json
from cotejo.schema import validate
from cotejo.telemetry.table import read_table, sampling_cost

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 0
REASONS = (
    "export", "parity", "constants", "corrupt-export", "out-of-memory", "killed", "timeout", "lost-pin",
    "server-missing", "server-exited", "server-not-ready", "wrong-model", "port-taken", "server-died", "golden",
    "client-missing", "client-failed", "leftovers", "device-missing", "provider-missing", "foreign-engine",
    "split-missing", "loss-nan", "node-failed",
    "error",
)  # fmt: skip

_NAME = re.compile(r"r([1-9][0-9]*)\.json")


def samples_path(record: Path) -> Path:
    """Where the samples of a record lie: r1.samples.csv beside r1.json."""
    return record.with_name(f"{record.stem}.samples.csv")


def telemetry_path(record: Path) -> Path:
    """Where the telemetry of a record lies: r1.telemetry.csv beside r1.json."""
    return record.with_name(f"{record.stem}.telemetry.csv")


def find(results: Path) -> list[Path]:
    """The records below a results folder (results/<study>), by system, run and repeat."""
    paths = (path for path in results.glob("records/*/*/*.json") if _NAME.fullmatch(path.name))
    return sorted(paths, key=lambda path: (path.parent, int(_NAME.fullmatch(path.name)[1])))  # type: ignore[index]


def folder_name(run: Mapping[str, Any]) -> str:
    """The name of the folder that holds a run's records; other settings make another folder."""
    return f"{run['id']}~{run['digest']}"


def of_runs(results: Path, runs: Iterable[Mapping[str, Any]]) -> list[Path]:
    """The records below a results folder that belong to these runs: the same id, the same digest of settings."""
    wanted = {folder_name(run) for run in runs}
    return [path for path in find(results) if path.parent.name in wanted]


def read(path: Path) -> dict[str, Any]:
    """A record, once it follows the schema and what lies beside it is what it was written with; CotejoError if not."""
    record = read_alone(path)
    for part in (record["samples"], record["telemetry"]):
        if part is not None:
            _check_beside(path, part)
    return record


def read_alone(path: Path) -> dict[str, Any]:
    """A record, once it follows the schema, whatever lies beside it; CotejoError where it does not."""
    record = read_json(path)
    version = record.get("schema_version") if isinstance(record, dict) else None
    if version != SCHEMA_VERSION:
        raise CotejoError(
            f"{path}: schema_version: {version!r}: this Cotejo reads version {SCHEMA_VERSION}. "
            f"Use the Cotejo that wrote the record, or delete it to measure again"
        )
    validate(record, "record", path)
    return record


def _check_beside(path: Path, part: Mapping[str, Any]) -> None:
    file = path.parent / part["file"]
    if not file.is_file():
        raise CotejoError(f"{file}: no such file, but {path.name} has it. Copy both, or delete both to measure again")
    if sha256_of(file) != part["sha256"]:
        raise CotejoError(
            f"{file}: has changed since {path.name} was written. Restore it, or delete both to measure again"
        )


def read_samples(path: Path, record: dict[str, Any]) -> "pd.DataFrame":
    """The samples of a record that `read` returned: a row per request, columns as the task's docstring has them."""
    import pandas as pd

    if record["samples"] is None:
        raise CotejoError(f"{path}: samples: null: this repeat measured nothing ({record['reason']}). Leave it out")
    return pd.read_csv(path.parent / record["samples"]["file"])


def write(path: Path, record: dict[str, Any], samples: Path | None, telemetry: Path | None = None) -> None:
    """Write the samples and the telemetry and then the record, so that a record is never without them.

    `record["samples"]` and `record["telemetry"]` are filled in here. A file of either that there is nothing for is
    written empty: the workflow expects it.
    """
    with replacing(samples_path(path)) as beside, replacing(telemetry_path(path)) as also:
        record = {
            **record,
            "samples": _put_beside(samples, beside, samples_path(path)),
            "telemetry": _put_beside(telemetry, also, telemetry_path(path)),
        }
        if telemetry is not None:
            record["telemetry"] |= sampling_cost(read_table(telemetry))
        validate(record, "record", path)
    write_json(path, record)


def _put_beside(source: Path | None, temporary: Path, target: Path) -> dict[str, Any] | None:
    """Fill a file that will become `target`, and say what the record says of it; empty and None without a source."""
    if source is None:
        temporary.touch()
        return None
    shutil.copyfile(source, temporary)
    return {"file": target.name, "sha256": sha256_of(temporary), "rows": count_rows(temporary)}


def count_rows(samples: Path) -> int:
    """The number of rows below the header of a CSV file, as CSV counts them: a quoted cell may hold line ends."""
    with samples.open(newline="", encoding="utf-8") as stream:
        return max(0, sum(1 for _ in csv.reader(stream)) - 1)


def utc_now() -> str:
    """The time as records write it: 2026-01-31T12:00:00.000Z."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
