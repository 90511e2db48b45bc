"""The rules of a workflow as a graph that people can read, from the graph of jobs that Snakemake prints."""

import html
import re
import textwrap
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cotejo.labels import TIMES

# What a rule is for, by the file that it stands in, with the colour of its box.
PHASES = {
    "what is measured": ("#dbe9f6", ("datasets", "environments", "exports", "models", "servers")),
    "measuring": ("#fde3c8", ("measure",)),
    "what came of it": ("#dff0d8", ("analyse", "compare", "cost", "figures", "published", "report")),
}
OTHERS = "#eeeeee"  # the sheet, which everything follows
INK, MUTED, LINE = "#1f2328", "#59636e", "#8c959f"
WIDTH = 36  # characters of a line in a box

_RULE = re.compile(r'^rule (\w+):\n    """(.+?)(?:"""|\n)', flags=re.MULTILINE)


@dataclass(frozen=True)
class Rules:
    """How many jobs each rule has, and which rule's outputs each takes: {rule: {those before it}}."""

    jobs: Mapping[str, int]
    before: Mapping[str, frozenset[str]]


def read_jobs(dot: str) -> Rules:
    """From what `snakemake --dag` prints; `all` and the like, which make nothing, are left out as their arrows are."""
    names = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)', dot, flags=re.MULTILINE))
    arrows = [(names[before], names[after]) for before, after in re.findall(r"(\d+) -> (\d+)", dot)]
    jobs = Counter(name for name in names.values() if name != "all")
    before = {name: frozenset(one for one, other in arrows if other == name and one != name) for name in jobs}
    return Rules(jobs, _without_detours(before))


def _without_detours(before: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Without the arrows that a longer way implies: the transitive reduction, of a graph without circles."""

    def far(name: str) -> set[str]:
        return {name}.union(*(far(each) for each in before[name]))

    return {
        name: frozenset(each for each in direct if not any(each in far(other) for other in direct if other != each))
        for name, direct in before.items()
    }


def meanings(folder: Path) -> dict[str, tuple[str, str]]:
    """{rule: (the first clause of its docstring, the colour of its box)} of the Snakefile and what it includes."""
    colours = {stem: colour for colour, stems in PHASES.values() for stem in stems}
    return {
        name: (re.split(r"[.;:](?:\s|$)", said)[0], colours.get(file.stem, OTHERS))
        for file in (folder / "Snakefile", *sorted((folder / "rules").glob("*.smk")))
        for name, said in _RULE.findall(file.read_text(encoding="utf-8"))
    }


def dot_of(rules: Rules, known: Mapping[str, tuple[str, str]]) -> str:
    """The graph in Graphviz's language: a box for each rule, with its number of jobs and what it does."""
    lines = [
        "digraph workflow {",
        f'  graph [rankdir=TB, ranksep=0.28, nodesep=0.3, bgcolor="white", pad=0.15, fontcolor="{INK}"];',
        f'  node [shape=box, style="rounded,filled", fontname="Helvetica,Arial", fontsize=11, color="{LINE}",'
        f' fontcolor="{INK}", margin="0.12,0.06"];',
        f'  edge [color="{LINE}", arrowsize=0.7];',
    ]
    for name, jobs in rules.jobs.items():
        said, colour = known[name]
        text = "".join(f"{html.escape(line)}<br/>" for line in textwrap.wrap(said, WIDTH))
        times = f"&#160;{TIMES} {jobs}" if jobs > 1 else ""
        label = f'<b>{name}</b>{times}<br/><font point-size="9" color="{MUTED}">{text}</font>'
        lines.append(f'  {name} [label=<{label}>, fillcolor="{colour}"];')
    lines += [f"  {one} -> {name};" for name, direct in rules.before.items() for one in sorted(direct)]
    return "\n".join([*lines, "}", ""])
