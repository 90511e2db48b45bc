"""The two folders of a comparison: checked before any job starts, and known again where their records are the same."""

from pathlib import Path

from cotejo import record
from cotejo.errors import CotejoError
from cotejo.files import digest, sha256_of
from cotejo.schema import did_you_mean, short

KEYS = ("baseline", "candidate")


def check_folders(baseline: str, candidate: str, place: str) -> None:
    """CotejoError unless they are two different folders with records; `place` stands before the key in its message."""
    given = dict(zip(KEYS, (baseline, candidate), strict=True))
    for key, folder in given.items():
        if not folder:
            raise CotejoError(
                f"{place}{key}: '': a comparison needs two folders, baseline and candidate. "
                f"Give each as results/<study>, here or anywhere else"
            )
        if not Path(folder).is_dir():
            siblings = [path.parent.as_posix() for path in Path(folder).parent.glob("*/records")]
            near = did_you_mean(folder, siblings) or ". Give a results/<study> folder"
            raise CotejoError(f"{place}{key}: {short(folder)}: no such folder{near}")
        if not record.find(Path(folder)):
            raise CotejoError(
                f"{place}{key}: {short(folder)}: holds no records. Give a results/<study> folder, "
                f"which has them in records/<system>/<run>/"
            )
    if Path(baseline).resolve() == Path(candidate).resolve():
        raise CotejoError(
            f"{place}candidate: {short(candidate)}: is the baseline itself, which differs in nothing. "
            f"Give the folder of another measurement"
        )


def records_digest(folder: Path) -> str:
    """What tells a folder's records from others, wherever it lies: their names and contents.

    Records alone: each holds the digest of its samples.
    """
    return digest({path.relative_to(folder).as_posix(): sha256_of(path) for path in record.find(folder)})
