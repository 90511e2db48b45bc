"""The report's HTML: one file that loads nothing, every text in it escaped."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent
TYPES = {".svg": "image/svg+xml", ".png": "image/png"}


def page(content: Mapping[str, Any]) -> str:
    """The page of what `cotejo.report.content.content` gathered."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["link"] = quote
    return environment.get_template("page.html.jinja").render(content)


def data_uri(path: Path) -> str:
    """An image file as an address that holds it."""
    return f"data:{TYPES[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"
