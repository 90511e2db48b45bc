"""The kinds of figure. Each is one module, light at import, with

TITLE     what it shows: the heading of a figure that is given none, and its line in config/README.md
OPTIONS   the JSON Schema of its own keys in a study's `figures:`, by key
REQUIRED  those of them that must be given
INPUTS    what it draws beside the summary, by the names of cotejo.figures.inputs; without it, nothing
draw(summary, options, style, **inputs) -> matplotlib.figure.Figure
          `summary` as cotejo.summary.read_summary gives it; missing data is drawn as such, never an exception
describe(summary, options, **inputs) -> str
          the same data in words, for who can't see the figure
"""

from importlib import import_module
from types import ModuleType

FIGURES = {
    "bars": "cotejo.figures.bars",
    "scaling": "cotejo.figures.scaling",
    "stages": "cotejo.figures.stages",
    "throughput_latency": "cotejo.figures.throughput_latency",
    "latency_ecdf": "cotejo.figures.latency_ecdf",
    "tokens": "cotejo.figures.tokens",
    "queue_compute": "cotejo.figures.queue_compute",
    "placements": "cotejo.figures.placements",
    "accelerators": "cotejo.figures.accelerators",
    "percentiles": "cotejo.figures.percentiles",
    "training": "cotejo.figures.training",
    "steps": "cotejo.figures.steps",
    "telemetry": "cotejo.figures.telemetry",
    "cost_speed": "cotejo.figures.cost_speed",
    "break_even": "cotejo.figures.break_even",
}


def figure(kind: str) -> ModuleType:
    """The module of a kind of figure; KeyError where there is none."""
    return import_module(FIGURES[kind])
