"""Write config/README.md, the reference of every key, from the descriptions in the schemas."""

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from cotejo import backends, clients, figures, servers, tasks
from cotejo.command import ROOT, run
from cotejo.figures.options import COMMON
from cotejo.files import replacing
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

SECTIONS = ("config", "study", "run", "overlay", "system", "models", "datasets", "record")

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
        parts.append(f"## {schema['title']}\n\n{schema['description']}\n\n{table(schema)}")
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
    sections = [f"### Kinds of figure\n\nEvery kind takes these:\n\n{table({'properties': COMMON})}"]
    for name in figures.FIGURES:
        kind = figures.figure(name)
        own = {key: rule for key, rule in kind.OPTIONS.items() if key not in COMMON}
        required = list(getattr(kind, "REQUIRED", ()))
        sections.append(f"#### `{name}`\n\n{kind.TITLE}\n\n{table({'properties': own, 'required': required})}")
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


def codes(values: Iterable[str]) -> str:
    """Values as code, one after the other."""
    return ", ".join(map(code, values))


def table(schema: dict[str, Any]) -> str:
    """A table of a schema's keys: nested ones with their path, what each takes, its default, and what it means."""
    lines = ["| key | takes | default | what it means |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows(schema, schema)]
    return "\n".join(lines) + "\n"


def rows(schema: dict[str, Any], root: dict[str, Any], prefix: str = "") -> list[tuple[str, str, str, str]]:
    """The table's cells for each key of an object schema, and of the objects inside it."""
    found = []
    required = schema.get("required", [])
    for key, rule in schema.get("properties", {}).items():
        rule = resolved(rule, root)
        default = code(rule["default"]) if "default" in rule else ("required" if key in required else "")
        found.append((f"`{prefix}{key}`", takes(rule, root), default, rule.get("description", "")))
        found += inner(rule, root, f"{prefix}{key}")
    if isinstance(schema.get("additionalProperties"), dict):
        rule = resolved(schema["additionalProperties"], root)
        found.append((f"`{prefix}<name>`", takes(rule, root), "", rule.get("description", "")))
        found += inner(rule, root, f"{prefix}<name>")
    for form in schema.get("oneOf", []) + schema.get("anyOf", []):
        found += [row for row in rows(resolved(form, root), root, prefix) if row not in found]
    for condition in schema.get("allOf", []):
        found += rows(condition.get("then", {}), root, prefix)
    return found


def inner(rule: dict[str, Any], root: dict[str, Any], path: str) -> list[tuple[str, str, str, str]]:
    """The rows of the keys inside a value: those of an object, or of a list's objects."""
    if "items" in rule:
        return rows(resolved(rule["items"], root), root, f"{path}[].")
    return rows(rule, root, f"{path}.")


def resolved(rule: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """A rule with its `$ref` into the same schema followed."""
    if "$ref" not in rule:
        return rule
    target = root
    for step in rule["$ref"].removeprefix("#/").split("/"):
        target = target[step]
    return {**target, **{key: value for key, value in rule.items() if key != "$ref"}}


def takes(rule: dict[str, Any], root: dict[str, Any]) -> str:
    """What a key takes, in words."""
    if "const" in rule:
        return code(rule["const"])
    if "enum" in rule:
        return ", ".join(code(value) for value in rule["enum"])
    if "anyOf" in rule or "oneOf" in rule:
        return " or ".join(
            dict.fromkeys(takes(resolved(form, root), root) for form in rule.get("anyOf", rule.get("oneOf")))
        )
    names = {"object": "mapping", "array": "list", "string": "text", "null": "empty", "integer": "whole number"}
    given = rule.get("type", "object")
    text = " or ".join(names.get(name, name) for name in ([given] if isinstance(given, str) else given))
    if rule.get("type") == "array" and "items" in rule:
        text = f"list of {takes(resolved(rule['items'], root), root)}"
    bounds = [
        f"{sign} {rule[key]}"
        for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        if key in rule
    ]
    return " ".join([text, ", ".join(bounds)]).strip()


def code(value: Any) -> str:
    """A value as code."""
    return f"`{value if isinstance(value, str) and value else json.dumps(value)}`"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "config" / "README.md")
    arguments = parser.parse_args()
    with replacing(arguments.output) as temporary:
        temporary.write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    run(main)
