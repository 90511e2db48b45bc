"""The report's HTML: one file that loads nothing, every text in it escaped."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from cotejo.report.scripts import policy, scripts

HERE = Path(__file__).parent

# The sections by their ids, and what of the content each of them shows: one without any is left out.
SECTIONS = (
    ("answers", "The answer", ""),
    ("figures", "Figures", "figures"),
    ("results", "Results", "tables"),
    ("published", "Beside what was published", "beside"),
    ("verdicts", "What each result is worth", ""),
    ("cost", "Costs", "cost"),
    ("energy", "What it took", "resources"),
    ("failures", "Failures", "failures"),
    ("servers", "Servers and clients", "servers"),
    ("environment", "Measured on", ""),
    ("reproduce", "Make it again", ""),
    ("records", "Records", "runs"),
)


def page(content: Mapping[str, Any]) -> str:
    """The page of what `cotejo.report.content.content` gathered."""
    sections = {name: title for name, title, shown in SECTIONS if not shown or content[shown]}
    return environment().get_template("page.html.jinja").render(**content, sections=sections)


def environment(*folders: Path) -> Environment:
    """What makes pages of templates: those of these folders, and the base of all, which lies beside this module."""
    found = Environment(
        loader=FileSystemLoader([*folders, HERE]), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    carried = scripts()
    found.filters["link"] = quote
    found.globals |= {"scripts": [Markup(script) for script in carried], "policy": policy(carried)}
    return found
