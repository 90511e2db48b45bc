"""Counters that a server publishes in Prometheus' text format (version 0.0.4).

Format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import re

from cotejo.errors import CotejoError

Labels = frozenset[tuple[str, str]]

_SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?")
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_ESCAPED = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


def samples(text: str) -> dict[tuple[str, Labels], float]:
    """{(name, its labels as pairs): value} of a page of metrics; CotejoError, with the line, where it is none."""
    lines = (line.strip() for line in text.splitlines())
    return dict(_sample(line) for line in lines if line and not line.startswith("#"))


def total(text: str, name: str, **labels: str) -> float:
    """The sum of a metric's values over every set of labels that agrees with those given; 0 where there is none.

    A server publishes many counters only once they have counted something.
    """
    wanted = set(labels.items())
    return sum(value for (found, has), value in samples(text).items() if found == name and wanted <= has)


def _sample(line: str) -> tuple[tuple[str, Labels], float]:
    match = _SAMPLE.fullmatch(line)
    if match is None:
        raise CotejoError(f"metrics: {line}: not a line of Prometheus' text format. Is it another server's page?")
    name, labels, value = match.groups()
    try:
        return (name, _labels(labels or "", line)), float(value)
    except ValueError:
        raise CotejoError(f"metrics: {line}: {value} is no number. Is it another server's page?") from None


def _labels(text: str, line: str) -> Labels:
    found, end = [], 0
    while end < len(text.rstrip()):
        match = _LABEL.match(text, end)
        if match is None:
            raise CotejoError(f"metrics: {line}: its labels can't be read. Is it another server's page?")
        found.append((match[1], re.sub(r"\\[\\\"n]", lambda escaped: _ESCAPED[escaped[0]], match[2])))
        end = match.end()
    return frozenset(found)
