"""Every message that a user can cause, collected from the source by its syntax trees."""

import ast
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cotejo.command import ROOT
from tests.message_texts import Function, Module, Reader, has_words, modules_of

Helper = tuple[Function, ast.Call]  # a function that makes an error for others to raise, and how it makes it
Helpers = Mapping[tuple[str, str], Helper]  # by file and name

# Exceptions that end nothing by themselves: another message takes up what they say, or a failed request's row does.
INNER = ("ValueError", "RuntimeError", "ImportError", "OSError", "ConstructorError", "UnpicklingError",
         "ArgumentTypeError", "AnswerError", "Untried", "Refusal")  # fmt: skip
# Parts at the end of a message that say what to do; they are listed among those that messages share.
ADVISING = r"(\{(?:did_you_mean|near|status_text|explain|wrong|problem|error|last_line|unloadable)\})$"
SLUGGED = ("Failure", "ServingError")  # called with the slug of a reason, and a message


@dataclass(frozen=True, order=True)
class Message:
    """One wording of what is said. `says` is the function that says it as a part of others, or empty."""

    module: str
    text: str
    kind: str
    reason: str = ""  # the slug or the word before the text, where there is one
    says: str = ""

    @property
    def place(self) -> str:
        """What the message begins with, up to a colon: where the fault is; empty where it names no place."""
        match = re.match(r"((?:\{[^{}]*\}|`[^`]*`|[^`{}.;]|\.(?=\w))*?):(?=\s)", self.text)
        return match[1] if match else ""

    @property
    def remedy(self) -> str:
        """What the reader can do: the sentences after the first, or the part that tells it; empty without either."""
        match = re.search(r"[.?;] (?=[A-Z`{(])(.*)$", self.text, flags=re.DOTALL) or re.search(ADVISING, self.text)
        return match[1] if match else ""


@cache
def messages(root: Path = ROOT) -> tuple[Message, ...]:
    """Every message, in the order of its files and lines; each wording once."""
    modules = modules_of(root)
    errors = _subclasses("CotejoError", modules) | _subclasses("ServingError", modules) - {"ServingError"}
    helpers = _helpers(modules, errors)
    found: list[Message] = []
    parts: set[tuple[str, str]] = set()
    for module in modules.values():
        reader = Reader(module, modules)
        found.extend(_of_module(module, reader, errors, helpers))
        parts |= reader.parts
    by_path = {module.path: module for module in modules.values()}
    while parts:
        path, name = parts.pop()
        if any(each.module == path and each.says == name for each in found):
            continue
        reader = Reader(by_path[path], modules)
        function = by_path[path].functions[name]
        found.extend(Message(path, text, "inner", says=name.lstrip("_")) for text in reader.returned(function))
        parts |= reader.parts
    found.extend(_of_schemas(root))
    return tuple(dict.fromkeys(each for each in found if has_words(each.text)))


def _of_module(module: Module, reader: Reader, errors: frozenset[str], helpers: Helpers) -> Iterator[Message]:
    for inside, call in module.calls:
        name = _name(call)
        first = call.args[0] if call.args else None
        helper = _helper(module, reader, name, call, helpers)
        if inside is not None and call is helpers.get((module.path, inside.name), (inside, None))[1]:
            continue  # told where the helper is called
        if helper is not None:
            for text in _told(reader, call, inside, helper, helpers):
                yield Message(module.path, text, "error")
        elif first is None:
            continue
        elif name in errors and not isinstance(first, ast.Starred):
            kind = "error" if name == "CotejoError" else "record"
            for text in reader.texts(first, inside):
                yield Message(module.path, text, kind)
        elif name in SLUGGED and len(call.args) == 2:
            reason = first.value if isinstance(first, ast.Constant) else ""
            for text in reader.texts(call.args[1], inside):
                yield Message(module.path, text, "record", reason)
        elif name == "Finding" and len(call.args) == 2:
            word = first.value if isinstance(first, ast.Constant) else ""
            for text in reader.texts(call.args[1], inside):
                yield Message(module.path, text, "verdict", word)
        elif name in INNER and call in module.raised:
            texts = [argument for argument in call.args if isinstance(argument, (ast.JoinedStr, ast.Constant))]
            for text in reader.texts(texts[-1], inside) if texts else []:
                yield Message(module.path, text, "inner")
        elif (name == "exit" and isinstance(first, (ast.JoinedStr, ast.Call))) or name == "stop":
            for text in reader.texts(first, inside):
                yield Message(module.path, text.removeprefix("error: "), "error")
        elif name == "error" and isinstance(call.func, ast.Attribute):
            for text in reader.texts(first, inside):
                yield Message(module.path, text, "error", "exit status 2, after the command's usage")
        elif name == "say" or (name == "print" and _to_stderr(call)):
            for text in reader.texts(first, inside):
                yield Message(module.path, text.removeprefix("error: "), "notice")


def _of_schemas(root: Path) -> Iterator[Message]:
    for path in sorted((root / "config" / "schemas").glob("*.json")):
        for key, text in _patterns(json.loads(path.read_text(encoding="utf-8"))):
            yield Message(path.relative_to(root).as_posix(), text, "schema", key)


def _patterns(schema: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(schema, Mapping):
        if isinstance(schema.get("x-pattern"), str):
            yield key or "names", schema["x-pattern"]
        for name, value in schema.items():
            within = key if name in ("properties", "items", "additionalProperties", "then", "else", "allOf") else name
            yield from _patterns(value, within)
    elif isinstance(schema, Sequence) and not isinstance(schema, str):
        for value in schema:
            yield from _patterns(value, key)


def _subclasses(base: str, modules: Mapping[str, Module]) -> frozenset[str]:
    """The names of a class and of all classes below it."""
    classes = [each for module in modules.values() for each in module.classes]
    found = {base}
    while (
        more := {
            each.name for each in classes if {name.id for name in each.bases if isinstance(name, ast.Name)} & found
        }
        - found
    ):
        found |= more
    return frozenset(found)


def _helpers(modules: Mapping[str, Module], errors: frozenset[str]) -> Helpers:
    """The functions that make errors of what they are given, and those that have these make them."""
    found: dict[tuple[str, str], Helper] = {}
    makers = errors
    while True:
        more = {
            (module.path, name): (function, call)
            for module in modules.values()
            for name, function in module.functions.items()
            if (module.path, name) not in found
            and (call := _made(module, function, makers))
            and _depends(function, call)
        }
        if not more:
            return _called(found, modules)
        found |= more
        makers |= {name for _, name in more}


def _called(helpers: Helpers, modules: Mapping[str, Module]) -> Helpers:
    """Without those that no Python calls, as those that a rule alone calls: what they say stands where they say it."""
    names = {name for _, name in helpers}
    calls = [(module, call) for module in modules.values() for _, call in module.calls if _name(call) in names]
    meant = [_helper(module, Reader(module, modules), _name(call), call, helpers) for module, call in calls]
    return {key: helper for key, helper in helpers.items() if helper in meant}


def _made(module: Module, function: Function, makers: Collection[str]) -> ast.Call | None:
    """The error that a helper makes for others to raise, or with which it ends."""
    returned = [node.value for node in function.body if isinstance(node, ast.Return)]
    made = [node for node in returned if isinstance(node, ast.Call) and node.args and _name(node) in makers]
    made += [call for inside, call in module.calls if inside is function and _name(call) == "stop"]
    return made[0] if len(made) == 1 else None


def _depends(function: Function, call: ast.Call) -> bool:
    names = {argument.arg for argument in function.args.args} - {"self"}
    used = (node for argument in call.args for node in ast.walk(argument))
    return any(isinstance(node, ast.Name) and node.id in names for node in used)


def _told(
    reader: Reader,
    call: ast.Call,
    inside: Function | None,
    helper: Helper,
    helpers: Helpers,
    given: Mapping[str, list[str]] = MappingProxyType({}),
) -> list[str]:
    """What a helper says at one of its calls; `given` has the texts of the parameters around that call."""
    function, made = helper
    names = [argument.arg for argument in function.args.args]
    texts = {key: reader.texts(value, inside, given) for key, value in zip(names, call.args, strict=False)}
    owner = next(Reader(other, reader.modules) for other in reader.modules.values()
                 if function in other.functions.values())  # fmt: skip
    further = _helper(owner.module, owner, _name(made), made, helpers)
    said = (
        _told(owner, made, function, further, helpers, texts) if further else owner.texts(made.args[0], function, texts)
    )
    reader.parts |= owner.parts
    return said


def _name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _helper(module: Module, reader: Reader, name: str, call: ast.Call, helpers: Helpers) -> Helper | None:
    """The helper that a call means: its own module's, an imported one, or one that is handed in under its name."""
    source = reader.imported_from(name)
    for path in (module.path, source.path if source else ""):
        if (path, name) in helpers:
            return helpers[path, name]
    same = [helper for (_, known), helper in helpers.items() if known == name]
    fit = [helper for helper in same if len(helper[0].args.args) == len(call.args)]
    return fit[0] if len(fit) == 1 else None


def _to_stderr(call: ast.Call) -> bool:
    return any(each.arg == "file" and ast.unparse(each.value) == "sys.stderr" for each in call.keywords)
