"""What figures are drawn from, and as what files: for the rule that draws them, and whoever wants them."""

import csv

from cotejo.figures import FIGURES
from cotejo.figures import figure as kind_of
from cotejo.labels import machine_label
from cotejo.schema import did_you_mean

# What all kinds of figure share; each kind is a file of its own.
DRAWING = [
    "scripts/plot_figure.py",
    "scripts/cotejo/labels.py",
    *sorted(
        path.as_posix()
        for path in Path("scripts/cotejo/figures").glob("*.py")
        if path.stem not in (*FIGURES, "__init__", "comparison", "entries")
    ),
]

# What a figure is written as: what config.yaml asks for, and always .svg, which the report shows.
FIGURE_FORMATS = list(dict.fromkeys(["svg", *config["figures"]["formats"]]))


def figure_of(wildcards):
    """The study's entry for a figure."""
    entries = {entry["name"]: entry for entry in study_of(wildcards).figures}
    if wildcards.figure not in entries:
        start = f"results/{wildcards.results}/figures/{wildcards.figure}."
        refuse_target(start, f"no figure of that study{did_you_mean(wildcards.figure, entries)}")
    return entries[wildcards.figure]


def figures_of(*results):
    """The files of all figures of the given studies."""
    return [
        f"results/{name}/figures/{entry['name']}.{ending}"
        for name in results
        for entry in STUDIES[name].figures
        for ending in FIGURE_FORMATS
    ]


def machines_of(published):
    """What figures call the systems of a file of published rows, by their ids, as JSON."""
    with Path(published).open(newline="", encoding="utf-8") as stream:
        systems = dict.fromkeys(row["system"] for row in csv.DictReader(stream))
    paths = {system: Path("config/systems", f"{system}.yaml") for system in systems}
    return json.dumps(
        {system: machine_label(load_yaml(path, "system")) for system, path in paths.items() if path.exists()}
    )


def drawn_beside(entry, study, results=""):
    """What a figure draws beside the summary, by its kind's INPUTS: only what was published unless results are given."""
    places = {"published": published_of(study), "logs": "config/published"}
    if results:
        tables = {name: f"{results}/{name}.csv" for name in ("distributions", "cost")}
        places |= {"records": results, **tables}
    return {name: places[name] for name in getattr(kind_of(entry["kind"]), "INPUTS", ()) if places.get(name)}


def figure_flags(entry, study, results=""):
    """The flags that tell plot_figure what a figure draws beside the summary."""
    beside = drawn_beside(entry, study, results)
    flags = [part for name, place in beside.items() for part in (f"--{name}", place)]
    return [*flags, "--machines", machines_of(beside["published"])] if "published" in beside else flags


def figure_files(entry, study, results=""):
    """The files that a figure follows because it draws them; it follows telemetry through the summary."""
    beside = drawn_beside(entry, study, results)
    logs = [f"{beside['logs']}/{log['file']}" for log in entry.get("logs", [])] if "logs" in beside else []
    code = ["scripts/cotejo/cost_pairs.py"] if "cost" in beside else []  # cost.csv itself follows the rest
    return logs + code + [place for name, place in beside.items() if place.endswith(".csv")]
