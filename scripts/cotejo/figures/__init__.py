"""The kinds of figure. Each is one module, light at import, with

TITLE     what it shows: the heading of a figure that is given none, and its line in config/README.md
OPTIONS   the JSON Schema of its own keys in a study's `figures:`, by key
REQUIRED  those of them that must be given
draw(summary, options, style) -> matplotlib.figure.Figure
          `summary` as cotejo.summary.read_summary gives it; missing data is drawn as such, never an exception
DISTRIBUTIONS  True for a kind whose `draw` takes cotejo.distribution.read_distributions as its fourth argument
describe(summary, options) -> str
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
}


def figure(kind: str) -> ModuleType:
    """The module of a kind of figure; KeyError where there is none."""
    return import_module(FIGURES[kind])
