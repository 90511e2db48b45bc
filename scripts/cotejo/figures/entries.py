"""A study's `figures:`, checked before anything is drawn, or measured for it."""

from pathlib import Path
from typing import Any

from cotejo.errors import CotejoError
from cotejo.figures import FIGURES, figure
from cotejo.reference.metrics import METRICS, described
from cotejo.schema import check, did_you_mean, schema_of, short, shown


def check_figures(entries: list[dict[str, Any]], path: Path) -> None:
    """Each figure must be of a known kind, with options that kind takes, under a name of its own."""
    common = schema_of("study")["properties"]["figures"]["items"]["properties"]
    for index, entry in enumerate(entries):
        if entry["kind"] not in FIGURES:
            raise CotejoError(
                f"{shown(path)}: figures[{index}].kind: {short(entry['kind'])}: no kind of figure"
                f"{did_you_mean(entry['kind'], FIGURES)}"
            )
        kind = figure(entry["kind"])
        rule = {
            "type": "object",
            "additionalProperties": False,
            "required": list(getattr(kind, "REQUIRED", ())),
            "properties": {**common, **kind.OPTIONS},
        }
        check(entry, rule, path, ("figures", index))
        for metric in [*([entry["metric"]] if "metric" in entry else []), *entry.get("metrics", [])]:
            _check_metric(metric, path, f"figures[{index}].{'metric' if 'metric' in entry else 'metrics'}")
        for number, log in enumerate(entry.get("logs", [])):
            _check_log(log["file"], path, f"figures[{index}].logs[{number}].file")
        if entry["name"] in [other["name"] for other in entries[:index]]:
            raise CotejoError(f"{shown(path)}: figures[{index}].name: {short(entry['name'])}: twice. Rename one")


def _check_metric(metric: str, path: Path, key: str) -> None:
    """A figure of a metric that nothing gives would be found empty only when all is measured."""
    if not described(metric):
        near = did_you_mean(metric, [each.name for each in METRICS])
        raise CotejoError(f"{shown(path)}: {key}: {short(metric)}: no metric of that name{near}")


def _check_log(file: str, path: Path, key: str) -> None:
    """A log that a figure names must be among the published ones."""
    folder = path.parent.parent / "published"
    if not (folder / file).is_file():
        there = [found.relative_to(folder).as_posix() for found in sorted(folder.glob("*/*"))]
        raise CotejoError(
            f"{shown(path)}: {key}: {short(file)}: there is no config/published/{file}{did_you_mean(file, there)}"
        )
