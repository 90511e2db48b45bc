"""Runs in words: what tells a run from the others of its study, as short as a terminal wants it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from cotejo.labels import value_label
from cotejo.record import folder_name

Run = Mapping[str, Any]
# Where words would be the same for two runs, what they differ in is added; this tells nobody anything.
_UNTOLD = ("id", "digest", "model_digest", "dataset_digest", "repeats", "study", "instead_of", "format", "architecture")


def run_words(run: Run) -> str:
    """A run by its block's name and what it is measured with: "chat, vllm fp16, 2 GPUs"."""
    served = run.get("server") or ""
    backend = run["backend"] if run["backend"] != served else ""
    place = "" if run["device"] == "cpu" else value_label("accelerators", str(run.get("accelerators", 1)))
    parts = [
        run["name"],
        served,
        f"{backend} {run['precision']}".strip(),
        place or value_label("cores", str(run["cores"])),
        value_label("split", run.get("split") or ""),
    ]
    return ", ".join(part.replace("\u00a0", " ") for part in parts if part)


def distinct_words(runs: Sequence[Run]) -> dict[tuple[str, str], str]:
    """The words for each run of a study, by system and folder of its records; no two are the same."""
    systems = {run["system"] for run in runs}
    alike: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        place = f", on {run['system']}" if len(systems) > 1 else ""
        alike[run_words(run) + place].append(run)
    return {
        (run["system"], folder_name(run)): words + "".join(f", {part}" for part in _differing(run, group))
        for words, group in alike.items()
        for run in group
    }


def _differing(run: Run, group: Sequence[Run]) -> list[str]:
    keys = dict.fromkeys(key for each in group for key in each if key not in _UNTOLD)
    return [
        f"{key.replace('_', ' ')} {run[key]}"
        for key in keys
        if len({str(each.get(key)) for each in group}) > 1 and run.get(key) is not None
    ]
