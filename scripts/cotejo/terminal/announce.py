"""What the workflow says before its first job: what is to be measured, how long that may take, what it needs."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cotejo.estimate import Earlier, Estimate, estimate, total
from cotejo.estimate_disk import disk_use
from cotejo.record import folder_name
from cotejo.study import Study
from cotejo.terminal.facts import Facts, Repeat
from cotejo.terminal.runs import distinct_words
from cotejo.terminal.words import plural

Run = Mapping[str, Any]


def announce(
    studies: Mapping[str, Study], records: Iterable[str], submitted: bool, results: Path = Path("results")
) -> tuple[Facts, str]:
    """What is to be measured, of the studies by their results folders: these records (…/<run>/r<k>.json).

    With it comes a line of text for each study; empty where nothing is to be measured.
    """
    wanted: dict[tuple[str, str, str], list[tuple[int, str]]] = {}
    for record in sorted(records):
        path = Path(record)
        key = (path.parts[-5], path.parts[-3], path.parts[-2])
        wanted.setdefault(key, []).append((int(path.stem.removeprefix("r")), record))
    repeats: dict[str, Repeat] = {}
    lines = []
    for name, study in studies.items():
        words = distinct_words(study.runs)
        earlier = {run["system"]: Earlier(results, run["system"]) for run in study.runs}
        found: list[Estimate] = []
        asking = [run for run in study.runs if (name, run["system"], folder_name(run)) in wanted]
        for run in asking:
            told, expected = words[run["system"], folder_name(run)], estimate(run, earlier[run["system"]])
            for number, record in wanted[name, run["system"], folder_name(run)]:
                repeats[record] = Repeat(name, told, number, run["repeats"], expected.low_s, expected.high_s)
                found.append(expected)
        if found:
            counted = f"{plural(len(found), 'repeat')} of {plural(len(asking), 'run')} to measure"
            # How many run at once, and after what wait, is Slurm's affair.
            alone = ", one after another" if submitted else ""
            lines.append(f"{name}: {counted}, {total(found).words()}{alone}")
    return Facts(repeats, tuple(studies), submitted), "\n".join(lines)


def short_of_disk(
    studies: Mapping[str, Study],
    models: Mapping[str, Mapping[str, Any]],
    environments: Mapping[str, Mapping[str, str]],
    root: Path,
) -> Sequence[str]:
    """A line for each study whose files the disk won't hold."""
    uses = {
        name: disk_use(study.runs, models, environments, root, root / "results" / name)
        for name, study in studies.items()
    }
    return [f"{name}: {warning}" for name, use in uses.items() if (warning := use.warning())]
