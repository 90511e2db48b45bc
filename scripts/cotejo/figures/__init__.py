"""The kinds of figure. Each is one module, light at import, with

TITLE     what it shows: the heading of a figure that is given none, and its line in config/README.md
OPTIONS   the JSON Schema of its own keys in a study's `figures:`, by key
REQUIRED  those of them that must be given
draw(summary, options, style) -> matplotlib.figure.Figure
          `summary` as cotejo.summary.read_summary gives it; missing data is drawn as such, never an exception
describe(summary, options) -> str
          the same data in words, for who can't see the figure
"""

from importlib import import_module
from types import ModuleType

FIGURES = {
    "bars": "cotejo.figures.bars",
    "scaling": "cotejo.figures.scaling",
    "stages": "cotejo.figures.stages",
}


def figure(kind: str) -> ModuleType:
    """The module of a kind of figure; KeyError where there is none."""
    return import_module(FIGURES[kind])
