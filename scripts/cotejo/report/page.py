"""The report's HTML: one file that loads nothing, every text in it escaped."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent
DESCRIPTION = ".//{http://purl.org/dc/elements/1.1/}description"


def page(content: Mapping[str, Any]) -> str:
    """The page of what `cotejo.report.content.content` gathered."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["link"] = quote
    return environment.get_template("page.html.jinja").render(content)


def data_uri(path: Path) -> str:
    """An .svg file as an address that holds it."""
    return f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode()}"


def words_of(path: Path) -> str:
    """What an .svg file says for who can't see it; nothing where it says nothing."""
    return ElementTree.parse(path).getroot().findtext(DESCRIPTION, default="")
