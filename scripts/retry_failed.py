"""Delete the failed records of the selected systems, so that the next `snakemake` measures those repeats again.

What made them fail is deleted with them where it would only fail again: an export whose files are damaged or that could
not be made, in Snakemake's between-workflow cache too, the findings of its parity gate, and a server's launch.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cotejo.artefact import EXPORT, MODEL
from cotejo.command import ROOT, run
from cotejo.errors import CotejoError
from cotejo.files import read_json, remove
from cotejo.record import find, samples_path, telemetry_path
from cotejo.schema import did_you_mean, load_yaml
from cotejo.systems import selected


def main() -> None:
    """Parse the command line, delete, and report each deletion."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results"), help="the folder of all results (%(default)s)")
    parser.add_argument("--study", help="only this folder of them, such as demo or edge-cloud-smoke (all)")
    parser.add_argument(
        "--system", nargs="+", help="the systems whose records are deleted (those that config/config.yaml names)"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be deleted")
    arguments = parser.parse_args()
    systems = arguments.system or selected(load_yaml(ROOT / "config" / "config.yaml", "config")["system"])
    failed = [
        (path, record)
        for folder in studies(arguments.results, arguments.study)
        for path in find(folder)
        if path.parent.parent.name in systems and (record := read_json(path))["status"] == "failed"
    ]
    verb = "would delete" if arguments.dry_run else "deleted"
    for path, record in failed:
        print(f"{path}: {record['reason']}: {record['message']}")
        # The record goes last: were this interrupted, it would still say what to delete.
        for doomed in [*culprits(record), *failed_launch(path), samples_path(path), telemetry_path(path), path]:
            if not arguments.dry_run:
                remove(doomed)
            print(f"  {verb} {doomed}")
    print(f"{verb} {len(failed)} failed records of system {', '.join(systems)}")


def studies(results: Path, study: str | None) -> list[Path]:
    """The results folders of all studies, or of one; CotejoError where there is none of that name."""
    folders = sorted(folder.parent for folder in results.glob("*/records"))
    if study is None:
        return folders
    chosen = [folder for folder in folders if folder.name == study]
    if not chosen:
        names = [folder.name for folder in folders]
        raise CotejoError(f"--study: {study}: no records in {results / study}{did_you_mean(study, names)}")
    return chosen


def culprits(record: dict[str, Any]) -> Iterator[Path]:
    """What must be made again before a failed record's repeat can succeed, as far as it is still there."""
    export, reason = record["export"], record["reason"]
    if export is None:
        if reason == "corrupt-export":
            yield from with_cache_entry(Path(record["model"]["folder"]), MODEL)
        return
    remade = reason in ("corrupt-export", "foreign-engine") or export["status"] == "failed"
    if remade:
        yield from with_cache_entry(Path(export["folder"]), EXPORT)
    if remade or reason in ("parity", "constants"):
        parity = Path(export["parity_file"])
        if parity.is_symlink() and parity.exists():
            yield parity.resolve()
        if parity.exists():
            yield parity


def failed_launch(path: Path) -> Iterator[Path]:
    """What was rendered for the server of a record's run, and how its launch went, where that failed."""
    results, system, run = path.parents[3], path.parents[1].name, path.parent.name
    launch = results / "servers" / system / run / "launch.json"
    if launch.is_file() and read_json(launch)["status"] == "failed":
        yield launch.parent


def with_cache_entry(folder: Path, manifest: str) -> Iterator[Path]:
    """A folder, and before it the entry of Snakemake's cache that it or its files are links into.

    A folder without its manifest is left alone: whatever it is, it is not what the record speaks of.
    """
    if not (folder / manifest).is_file():
        return
    entry = (folder / manifest).resolve().parent
    if entry != folder.parent.resolve() / folder.name:
        yield entry
    yield folder


if __name__ == "__main__":
    run(main)
