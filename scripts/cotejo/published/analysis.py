"""The re-analysis of what was published: every check on every study's rows. A new check is one more function in one of
these modules, listed in that module's CHECKS; a new document is a file of config/published and a study that names it.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cotejo.figures.entries import check_figures
from cotejo.published import claims, derived, gaps, laws, recompute, telemetry
from cotejo.published.check import Check
from cotejo.published.cost import cost_sources
from cotejo.published.groups import Paper, groups_of
from cotejo.published.rows import read_published
from cotejo.schema import load_yaml, names_in
from cotejo.telemetry.dmon import read_dmon

MODULES = (recompute, laws, claims, gaps, derived, telemetry)
CHECKS = tuple(check for module in MODULES for check in module.CHECKS)
LOGS = "published"  # the folder below config/ that the names of logs count from


class Study(NamedTuple):
    """A study that stands beside a document."""

    name: str
    title: str
    published: Path
    figures: Sequence[Mapping[str, Any]]
    blocks: Mapping[str, Mapping[str, Any]]


def studies_of(config: Path) -> list[Study]:
    """The studies of a config/ folder that name published rows, by name; CotejoError where one is wrong."""
    found = []
    for name in names_in(config / "studies"):
        path = config / "studies" / f"{name}.yaml"
        data = load_yaml(path, "study")
        if "published" in data:
            check_figures(data["figures"], path)
            blocks = {block["name"]: {**data.get("defaults", {}), **block} for block in data["runs"]}
            found.append(Study(name, data["title"], config / data["published"], data["figures"], blocks))
    return found


def paper_of(study: Study, config: Path) -> Paper:
    """All that there is of a study on paper; CotejoError where a file of it is wrong."""
    rows = read_published(study.published)
    systems = {
        system: load_yaml(path, "system")
        for system in dict.fromkeys(rows["system"])
        if (path := config / "systems" / f"{system}.yaml").exists()
    }
    logs = {path.name: read_dmon(path) for path in _log_files(study, config)}
    return Paper(study.name, study.title, groups_of(rows), study.blocks, systems, logs)


def _log_files(study: Study, config: Path) -> list[Path]:
    """The published logs that a study's figures draw, each once."""
    names = [log["file"] for entry in study.figures for log in entry.get("logs", [])]
    return [config / LOGS / name for name in dict.fromkeys(names)]


def sources(config: Path) -> list[str]:
    """The files that all this is made from, sorted; CotejoError where one of them is wrong."""
    found = set()
    for study in studies_of(config):
        paper = paper_of(study, config)
        found |= {config / "studies" / f"{study.name}.yaml", study.published, *_log_files(study, config)}
        found |= {config / "systems" / f"{system}.yaml" for system in paper.systems}
        found |= cost_sources(study.figures, config)
    return sorted(path.as_posix() for path in found)


def findings(paper: Paper) -> Iterator[Check]:
    """What every check finds."""
    for check in CHECKS:
        yield from check(paper)
