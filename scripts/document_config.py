"""Write config/README.md, the reference of every key, from the descriptions in the schemas."""

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from cotejo import backends, clients, figures, servers, tasks
from cotejo.command import ROOT, run
from cotejo.figures.options import COMMON
from cotejo.files import replacing
from cotejo.reference.markdown import code, codes, schema_table
from cotejo.schema import schema_of
from cotejo.serving_settings import DEFAULTS

INTRODUCTION = """\
# Configuration

<!-- Made by `make docs` from config/schemas/*.schema.json; edit those. -->

Everything that is measured is said in YAML, below this folder. Each file is checked against its schema in
`config/schemas/` before any job starts; a mistake is answered with its file, key, value and remedy.
`snakemake plan` prints what a study will measure, without measuring it.

| file | what it holds |
|---|---|
| `config.yaml` | which studies run, under which overlay, on which system; bounds and thresholds |
| `studies/<study>.yaml` | what to measure, and which figures to draw |
| `overlays/<overlay>.yaml` | settings laid over every run of any study, such as a small scale for a laptop |
| `systems/<system>.yaml` | the machines measured |
| `models.yaml` | the models: where they come from, and their architecture |
| `datasets.yaml` | the data sets: the shipped ones, and your own |

A setting is looked for in this order, and the last one found counts: its default, the study's `defaults`, the block of
`runs`, the overlay's `set`, the overlay's `instead`.
"""

SECTIONS = ("config", "study", "run", "overlay", "system", "models", "datasets")

SERVERS = """\
### Servers

A run with `server:` is measured over the network of the machine itself, by a client. Its `backend` is one of the
server's, and its `precision` one that both the server and the export have. A server's environment is made when it is
first needed, unless `environments` in `config.yaml` names another.

{table}"""

CLIENTS = """\
### Clients

Clients that send one request over and over could be answered from a cache: their records say `identical-inputs`.

{table}"""

# What gives options to runs: names, and a function from one to its options.
REGISTRIES: tuple[tuple[Iterable[str], Callable[[str], dict[str, Any]]], ...] = (
    (tasks.TASKS, tasks.options),
    (backends.BACKENDS, backends.options_of),
    (servers.SERVERS, lambda name: servers.server(name).OPTIONS),
    (clients.CLIENTS, lambda name: clients.client(name).OPTIONS),
)


def reference() -> str:
    """The whole page, as Markdown."""
    parts = [INTRODUCTION]
    for name in SECTIONS:
        schema = schema_of(name)
        if name == "run":
            schema = with_option_defaults(schema)
        parts.append(f"## {schema['title']}\n\n{schema['description']}\n\n{schema_table(schema)}")
        if name == "study":
            parts.extend(figure_sections())
        if name == "run":
            parts.extend([SERVERS.format(table=server_table()), CLIENTS.format(table=client_table())])
    return "\n".join(parts)


def with_option_defaults(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a run with the defaults that tasks, backends, servers and clients give their own options."""
    options = dict(DEFAULTS)
    for registry, options_of in REGISTRIES:
        for name in registry:
            options |= options_of(name)
    properties = {
        key: rule | ({"default": options[key]} if key in options else {}) for key, rule in schema["properties"].items()
    }
    return {**schema, "properties": properties}


def figure_sections() -> list[str]:
    """What every kind of figure takes, and one section for each kind with what only it takes."""
    sections = [f"### Kinds of figure\n\nEvery kind takes these:\n\n{schema_table({'properties': COMMON})}"]
    for name in figures.FIGURES:
        kind = figures.figure(name)
        own = {key: rule for key, rule in kind.OPTIONS.items() if key not in COMMON}
        required = list(getattr(kind, "REQUIRED", ()))
        sections.append(f"#### `{name}`\n\n{kind.TITLE}\n\n{schema_table({'properties': own, 'required': required})}")
    return sections


def server_table() -> str:
    """A row for each server: what it serves on what, what it speaks, and its own settings."""
    header = "| server | backends: models | weights | runs on | speaks | environment | its settings |"
    lines = [header, "|---|---|---|---|---|---|---|"]
    for name in servers.SERVERS:
        module = servers.server(name)
        backends = [f"{code(backend)}: {', '.join(able)}" for backend, able in module.BACKENDS.items()]
        stack = f"`envs/{module.STACK}.txt`" if module.STACK else "none of its own"
        said = ["; ".join(backends), *map(codes, (module.PRECISIONS, module.DEVICES, module.APIS)), stack]
        lines.append(f"| {' | '.join([code(name), *said, codes(module.OPTIONS)])} |")
    return "\n".join(lines) + "\n"


def client_table() -> str:
    """A row for each client: the loads it can put on what, what it sends, and its own settings."""
    lines = ["| client | loads | speaks | sends | its settings |", "|---|---|---|---|---|"]
    for name in clients.CLIENTS:
        module = clients.client(name)
        cells = [
            code(name),
            codes(module.LOADS),
            codes(module.APIS),
            f"{module.INPUTS} requests",
            codes(module.OPTIONS),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "config" / "README.md")
    arguments = parser.parse_args()
    with replacing(arguments.output) as temporary:
        temporary.write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    run(main)
