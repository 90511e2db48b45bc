"""Tables of Markdown, by themselves and of a JSON Schema's keys."""

import json
from collections.abc import Iterable, Sequence
from typing import Any


def table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table with a line break at its end; what would end a cell is escaped."""
    shown = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines]
    return "\n".join([f"| {' | '.join(header)} |", f"|{'---|' * len(header)}", *shown]) + "\n"


def code(value: Any) -> str:
    """A value as code."""
    return f"`{value if isinstance(value, str) and value else json.dumps(value)}`"


def codes(values: Iterable[str]) -> str:
    """Values as code, one after the other."""
    return ", ".join(map(code, values))


def schema_table(schema: dict[str, Any]) -> str:
    """A table of a schema's keys: nested ones with their path, what each takes, its default, and what it means."""
    return table(("key", "takes", "default", "what it means"), rows(schema, schema))


def rows(schema: dict[str, Any], root: dict[str, Any], prefix: str = "") -> list[tuple[str, str, str, str]]:
    """The table's cells for each key of an object schema, and of the objects inside it."""
    found = []
    required = schema.get("required", [])
    for key, rule in schema.get("properties", {}).items():
        rule = resolved(rule, root)
        default = code(rule["default"]) if "default" in rule else ("required" if key in required else "")
        found.append((f"`{prefix}{key}`", takes(rule, root), default, meaning(rule)))
        found += inner(rule, root, f"{prefix}{key}")
    if isinstance(schema.get("additionalProperties"), dict):
        rule = resolved(schema["additionalProperties"], root)
        found.append((f"`{prefix}<name>`", takes(rule, root), "", meaning(rule)))
        found += inner(rule, root, f"{prefix}<name>")
    for form in schema.get("oneOf", []) + schema.get("anyOf", []):
        found += [row for row in rows(resolved(form, root), root, prefix) if row not in found]
    for condition in schema.get("allOf", []):
        found += rows(condition.get("then", {}), root, prefix)
    return found


def meaning(rule: dict[str, Any]) -> str:
    """A rule's description, and that of each of its values where they have some (`x-meanings`)."""
    described = [rule["description"]] if "description" in rule else []
    return " ".join([*described, *(f"{code(value)}: {text}" for value, text in rule.get("x-meanings", {}).items())])


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
        forms = rule["anyOf"] if "anyOf" in rule else rule["oneOf"]
        return " or ".join(dict.fromkeys(takes(resolved(form, root), root) for form in forms))
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
