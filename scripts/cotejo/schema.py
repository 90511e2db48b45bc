"""Checking configuration against its JSON Schemas, with messages that a person can act on."""

import difflib
import sys
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from cotejo.command import ROOT
from cotejo.errors import CotejoError
from cotejo.files import read_json

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

SCHEMAS = ROOT / "config" / "schemas"
TOP = "top level"  # where a file is wrong as a whole


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key given twice, where plain YAML would silently keep the last one."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":  # `<<: *anchor`
            continue
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise yaml.constructor.ConstructorError(
                None, None, f"key {key!r} is not text: quote it", key_node.start_mark
            )
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", key_node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


def _number(loader: _Loader, node: yaml.ScalarNode) -> int | float | str:
    """A number; what YAML would read to base 60, such as the range 1:4:1 of some tools, stays text."""
    if ":" in node.value:
        return node.value
    return loader.construct_yaml_int(node) if node.tag.endswith(":int") else loader.construct_yaml_float(node)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
for _tag in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _number)


def load_yaml(path: Path, schema: str) -> Any:
    """A YAML file's content, checked against config/schemas/<schema>.schema.json; CotejoError where it is wrong."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError as error:
        others = [name for name in names_in(path.parent) if name != path.stem]
        raise CotejoError(f"{shown(path)}: no such file{did_you_mean(path.stem, others) or '. Make it'}") from error
    except OSError as error:
        raise CotejoError(
            f"{shown(path)}: can't be read: {error.strerror}. Put a file there that you may read"
        ) from error
    except UnicodeDecodeError as error:
        raise CotejoError(
            f"{shown(path)}: not UTF-8 text ({error.reason} at byte {error.start}). Save it as UTF-8"
        ) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise CotejoError(f"{shown(path)}{place}: not valid YAML: {error.problem}. Mend that line") from error
    except yaml.YAMLError as error:
        told = " ".join(str(error).split())
        raise CotejoError(f"{shown(path)}: not valid YAML: {told}. Save it as plain UTF-8 text") from error
    validate(data, schema, path)
    return data


@cache
def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema config/schemas/<name>.schema.json, with the names of registries as its `x-registry` say."""
    schema: dict[str, Any] = _with_names(read_json(SCHEMAS / f"{name}.schema.json"))
    return schema


def _with_names(rule: Any) -> Any:
    """A schema in which what is `"x-registry": "tasks.TASKS"` may be any name of cotejo.tasks.TASKS."""
    if isinstance(rule, list):
        return [_with_names(each) for each in rule]
    if not isinstance(rule, dict):
        return rule
    module, _, registry = str(rule.get("x-registry", "")).rpartition(".")
    names = {"enum": list(getattr(import_module(f"cotejo.{module}"), registry))} if module else {}
    return {key: _with_names(each) for key, each in rule.items()} | names


def validate(data: Any, schema: str, path: Path) -> None:
    """CotejoError naming file, key, value and what is allowed, unless the data follow the schema."""
    check(data, schema_of(schema), path)


def check(data: Any, schema: dict[str, Any], path: Path, key: tuple[str | int, ...] = ()) -> None:
    """As `validate`, for a schema in hand and data found under a key of the file.

    On a machine with no more than what is measured there may be no jsonschema: it is said that nothing was checked.
    Whoever reads a record elsewhere checks it then.
    """
    try:
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import relevance
    except ImportError:
        _say_unchecked(shown(path))
        return
    error = next(iter(sorted(Draft202012Validator(schema).iter_errors(data), key=relevance, reverse=True)), None)
    if error is not None:
        place = key_text([*key, *error.absolute_path])
        raise CotejoError(f"{shown(path)}: {explain(error, place)}")


@cache
def _say_unchecked(name: str) -> None:
    print(f"{name}: not checked, for {sys.executable} has no package jsonschema", file=sys.stderr, flush=True)


def explain(error: "ValidationError", place: str) -> str:
    """One sentence or two on what a schema found wrong: the key, its value, and what is allowed."""
    value: Any = error.instance
    rule: Any = error.validator_value
    schema: Any = error.schema
    at = f"{place}: {short(value)}"
    match error.validator:
        case "additionalProperties":
            allowed = list(schema.get("properties", {}))
            unknown = sorted(set(value) - set(allowed))[0]
            key = f"{place}.{unknown}" if place != TOP else unknown
            return f"{key}: {short(value[unknown])}: unknown key{did_you_mean(unknown, allowed)}"
        case "required":
            missing = next(name for name in rule if name not in value)
            described = schema.get("properties", {}).get(missing, {}).get("description", "Add it")
            return f"{place}: lacks the key '{missing}'. {described}"
        case "enum":
            return f"{at}: not allowed{did_you_mean(value, rule)}"
        case "type" if value is None and place == TOP:
            return f"{place}: is empty. Give it {', '.join(schema.get('required', ['entries']))}"
        case "type" if rule == "array" and isinstance(value, (str, int, float)):
            return f"{at}: must be a list, not {_type_of(value)}. Write [{value}]"
        case "type":
            return f"{at}: must be {_type_text(rule)}, not {_type_of(value)}. Change it"
        case "pattern":
            return f"{at}: {schema.get('x-pattern', f'must match {rule}')}. Change it"
        case "minimum" | "exclusiveMinimum":
            least = "at least" if error.validator == "minimum" else "more than"
            return f"{at}: must be {least} {rule}. Raise it"
        case "maximum" | "exclusiveMaximum":
            return f"{at}: must be at most {rule}. Lower it"
        case "minItems" | "minLength" | "minProperties":
            return f"{at}: must not be empty. Give at least {rule}"
        case "uniqueItems":
            twice = next(item for place, item in enumerate(value) if item in value[:place])
            return f"{at}: names {short(twice)} twice. Delete one"
        case "anyOf" | "oneOf":
            return f"{at}: {schema.get('x-pattern', 'fits none of the allowed forms')}. Change it"
        case _:
            return f"{at}: {error.message}. Change it"


def did_you_mean(word: object, allowed: Iterable[str]) -> str:
    """An ending for a message: the nearest allowed word, or all of them."""
    names = sorted(str(name) for name in allowed)
    near = difflib.get_close_matches(str(word), names, n=1, cutoff=0.6)
    if near:
        return f". Did you mean '{near[0]}'?"
    return f". Allowed: {', '.join(names)}" if names else ""


def names_in(folder: Path) -> list[str]:
    """The names of the YAML files of a folder, without their ending."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def key_text(keys: Iterable[str | int]) -> str:
    """A key as people write it: `runs[0].cores`."""
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text or TOP


def short(value: Any) -> str:
    """A value as it may stand in a message: at most 60 characters of it."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def shown(path: Path) -> str:
    """A path as people know it: relative to the project where it lies inside."""
    return str(path.relative_to(ROOT)) if path.is_absolute() and path.is_relative_to(ROOT) else str(path)


_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "empty",
}


def _type_text(rule: str | list[str]) -> str:
    return " or ".join(_TYPES[name] for name in ([rule] if isinstance(rule, str) else rule))


def _type_of(value: Any) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "a mapping"
