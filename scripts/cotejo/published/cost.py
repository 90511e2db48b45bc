"""What a document's machines cost, on paper: their prices, and those of the rates that it prints."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cotejo.figures.inputs import read_rows
from cotejo.published.rows import read_published
from cotejo.schema import load_yaml, names_in
from cotejo.systems import load_system, systems_of

if TYPE_CHECKING:
    import pandas as pd

    from cotejo.published.analysis import Study


def cost_of(study: "Study", config: Path) -> "pd.DataFrame":
    """The table of costs of a study of which nothing was measured; CotejoError where a file of `config` is wrong."""
    from cotejo.cost_table import cost_table

    assumed = load_yaml(config / "config.yaml", "config")["cost"]
    systems = {name: load_system(config / "systems" / f"{name}.yaml") for name in names_in(config / "systems")}
    return cost_table(read_rows(None), read_published(study.published), systems, assumed, systems_of(study.figures))


def cost_sources(figures: Iterable[Mapping[str, Any]], config: Path) -> set[Path]:
    """The files that figures of costs are drawn from beside the published rows."""
    named = systems_of(entry for entry in figures if on_paper(entry))
    return {config / "config.yaml", *(config / "systems" / f"{name}.yaml" for name in named)} if named else set()


def on_paper(entry: Mapping[str, Any]) -> bool:
    """Whether a figure of costs needs no rate, so that prices alone are enough to draw it."""
    return "speed_ratio" in entry
