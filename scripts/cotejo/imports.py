"""Records from elsewhere: folders of results that a study's `imports:` adds to its tables and figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cotejo import record
from cotejo.errors import CotejoError
from cotejo.labels import HERE
from cotejo.schema import shown


def import_folders(entries: Sequence[Mapping[str, str]], study: Path, root: Path) -> dict[str, Path]:
    """The imported folders, absolute, by the import's name, once each is there and holds records.

    `entries` are the study's `imports:`, `study` is its file, and relative folders count from the checkout `root`.
    CotejoError naming file, key, value and remedy where one is wrong.
    """

    def wrong(index: int, key: str, problem: str) -> CotejoError:
        return CotejoError(f"{shown(study)}: imports[{index}].{key}: {entries[index][key]}: {problem}")

    found: dict[str, Path] = {}
    for index, entry in enumerate(entries):
        name = entry["name"]
        if name == HERE:
            raise wrong(index, "name", "what tables call this checkout's own results. Give another name")
        if name in found:
            raise wrong(index, "name", f"also the name of imports[{list(found).index(name)}]. Give each import its own")
        try:
            folder = (root / Path(entry["folder"]).expanduser()).resolve()
        except RuntimeError as error:  # ~somebody, whom this machine doesn't know
            raise wrong(index, "folder", f"{str(error).rstrip('.')}. Write the path out") from error
        if not folder.is_dir():
            raise wrong(index, "folder", f"no such folder ({folder}). Copy the results there, or mend the path")
        if folder in found.values():
            first = list(found.values()).index(folder)
            raise wrong(index, "folder", f"also the folder of imports[{first}]. Delete one")
        if folder.is_relative_to((root / "results").resolve()):
            # `make retry` deletes failed records there, and measuring writes there.
            raise wrong(index, "folder", "lies among this checkout's own results. Move it elsewhere")
        if not record.find(folder):
            raise wrong(index, "folder", "holds no records. Name a results/<study> folder, which has records/ in it")
        found[name] = folder
    return found


def check_imports(folders: Mapping[str, Path], runs: Sequence[Mapping[str, Any]], study: Path) -> None:
    """CotejoError unless each imported folder holds a record of one of the runs."""
    for index, folder in enumerate(folders.values()):
        if not record.of_runs(folder, runs):
            paths = record.find(folder)
            raise CotejoError(
                f"{shown(study)}: imports[{index}].folder: {folder}: {len(paths)} records, none of a run of this "
                f"study. {_nearest(paths, runs)}"
            )


def _nearest(paths: Sequence[Path], runs: Sequence[Mapping[str, Any]]) -> str:
    """What to do about records of which none fits: they may be of the same runs under other settings."""
    there = dict(path.parent.name.rsplit("~", 1) for path in paths if "~" in path.parent.name)
    for run in runs:
        if run["id"] in there:
            return (
                f"{run['id']} is there with other settings (digest {there[run['id']]}, here {run['digest']}): "
                f"compare both runs.csv, and measure the same settings"
            )
    return "Measure this study there, or delete the import"
