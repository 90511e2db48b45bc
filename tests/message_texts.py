"""What Python source says: the texts of expressions, with what is filled in later shown as {name}."""

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
PLACEHOLDER = re.compile(r"\{[^{}]*\}")


@dataclass
class Module:
    """A parsed file: what its names stand for at the top, and its functions, whatever they are nested in."""

    path: str
    tree: ast.Module
    constants: dict[str, ast.expr] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)  # the names of modules by what is imported from them
    raised: set[ast.expr | None] = field(default_factory=set)
    classes: list[ast.ClassDef] = field(default_factory=list)
    calls: list[tuple[Function | None, ast.Call]] = field(default_factory=list)  # each with the innermost function

    def __post_init__(self) -> None:
        self.constants = _assigned(self.tree.body)
        self._look_through(self.tree, None)

    def _look_through(self, parent: ast.AST, inside: Function | None) -> None:
        for node in ast.iter_child_nodes(parent):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    self.functions[name] = node
                case ast.ClassDef():
                    self.classes.append(node)
                case ast.ImportFrom(module=str(module), names=names):
                    self.imports |= {alias.asname or alias.name: module for alias in names}
                case ast.Raise(exc=error):
                    self.raised.add(error)
                case ast.Call():
                    self.calls.append((inside, node))
            self._look_through(node, node if isinstance(node, FUNCTIONS) else inside)


def parse(path: str, text: str) -> Module:
    """A module of Python, or the Python at the top of a Snakefile: its rules say nothing to anybody."""
    if not path.endswith(".py"):
        text = "\n".join(block if _is_python(block) else "" for block in re.split(r"\n(?=\S)", text))
    return Module(path, ast.parse(text, filename=path))


def _is_python(block: str) -> bool:
    try:
        ast.parse(block)
    except SyntaxError:
        return False
    return True


class Reader:
    """Reads texts in one module; `modules` are all of them by name, for what it imports from others.

    `parts` collects the functions that were met in place of a text, as (module, name): what they say is listed apart.
    """

    def __init__(self, module: Module, modules: Mapping[str, Module]) -> None:
        self.module = module
        self.modules = modules
        self.parts: set[tuple[str, str]] = set()

    def texts(self, node: ast.expr, inside: Function | None, given: Mapping[str, list[str]] | None = None) -> list[str]:
        """What an expression may say: one text, or several where it chooses. `given` has the texts of parameters."""
        given = given or {}
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr(values=values):
                return _side_by_side([self._filled(part, inside, given) for part in values])
            case ast.BinOp(left=left, op=ast.Add(), right=right) if _texty(left) or _texty(right):
                return _side_by_side([self.texts(left, inside, given), self.texts(right, inside, given)])
            case ast.IfExp(body=body, orelse=orelse):
                return [*self.texts(body, inside, given), *self.texts(orelse, inside, given)]
            case ast.BoolOp(op=ast.Or(), values=[*values, last]):
                said = [text for value in values for text in self.texts(value, inside, given) if text]
                return [*said, *self.texts(last, inside, given)]
            case ast.Call(func=ast.Attribute(attr="format", value=value)):
                return self.texts(value, inside, given)
            case ast.Name(id=name) if name in given:
                return given[name]
            case ast.Name(id=name):
                return self._named(name, inside, given)
            case _:
                return [f"{{{self._placeholder(node)}}}"]

    def _filled(self, part: ast.expr, inside: Function | None, given: Mapping[str, list[str]]) -> list[str]:
        if not isinstance(part, ast.FormattedValue):
            return self.texts(part, inside, given)
        value = part.value
        if isinstance(value, ast.Name) and isinstance(constant := self._constant(value.id), ast.Constant):
            return [format(constant.value, "g") if isinstance(constant.value, float) else str(constant.value)]
        return self.texts(value, inside, given)

    def _named(self, name: str, inside: Function | None, given: Mapping[str, list[str]]) -> list[str]:
        """What a name stands for, where it is given a text, or several, and nothing else."""
        constant = self._constant(name)
        if constant is not None:
            said = self.texts(constant, None)
        elif inside is not None and name not in {node.arg for node in ast.walk(inside) if isinstance(node, ast.arg)}:
            values = [
                node.value for node in ast.walk(inside)
                if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets)
            ]  # fmt: skip
            refers = any(isinstance(node, ast.Name) and node.id == name for value in values for node in ast.walk(value))
            said = [] if refers else [text for value in values for text in self.texts(value, inside, given)]
        else:
            said = []
        return said if any(has_words(text) for text in said) else [f"{{{name.lstrip('_').lower()}}}"]

    def _constant(self, name: str) -> ast.expr | None:
        """A text or a number that a name stands for at the top of this module, or of the one it is imported from."""
        value = self.module.constants.get(name)
        if value is None and (source := self.imported_from(name)):
            value = source.constants.get(name)
        return value if isinstance(value, (ast.Constant, ast.JoinedStr)) else None

    def imported_from(self, name: str) -> Module | None:
        """The module of ours that a name is imported from."""
        return self.modules.get(self.module.imports.get(name, ""))

    def _placeholder(self, node: ast.AST) -> str:
        """A short name of what is filled in."""
        match node:
            case ast.Name(id=name):
                return name.lstrip("_").lower()
            case ast.Attribute(attr=name):
                return name.lstrip("_")
            case ast.Subscript(slice=ast.Constant(value=str(key))):
                return key
            case ast.Subscript(value=value) | ast.Starred(value=value) | ast.BinOp(left=value) | ast.Await(value=value):
                return self._placeholder(value)
            case ast.GeneratorExp(generators=[first, *_]) | ast.ListComp(generators=[first, *_]):
                return self._placeholder(first.iter)
            case ast.Call(func=ast.Name(id="map"), args=[_, argument]):
                return self._placeholder(argument)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                if self._says(name):
                    return name.lstrip("_")
                return self._placeholder(arguments[0]) if arguments else name.lstrip("_")
            case ast.Call(func=ast.Attribute(attr="join"), args=[argument]):
                return self._placeholder(argument)
            case ast.Call(func=ast.Attribute(value=ast.Name()), args=[ast.Name() as argument, *_]):
                return self._placeholder(argument)
            case ast.Call(func=ast.Attribute(value=value)):
                return self._placeholder(value)
            case ast.List(elts=[first, *_]) | ast.Tuple(elts=[first, *_]) | ast.Set(elts=[first, *_]):
                return self._placeholder(first)
            case ast.IfExp(body=body):
                return self._placeholder(body)
            case ast.Constant(value=value):
                return str(value)
            case _:
                return "value"

    def _says(self, name: str) -> bool:
        """Whether a function of ours answers with texts of its own; it is noted among the parts."""
        module = self.module if name in self.module.functions else self.imported_from(name)
        if module is None or name not in module.functions:
            return False
        reader = Reader(module, self.modules)
        if not any(has_words(text) for text in reader.returned(module.functions[name])):
            return False
        self.parts.add((module.path, name))
        return True

    def returned(self, function: Function) -> list[str]:
        """The texts that a function returns."""
        values = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None]
        return list(dict.fromkeys(text for value in values if _texty(value) for text in self.texts(value, function)))


def has_words(text: str) -> bool:
    """Whether a text says anything of its own."""
    return bool(re.search(r"[A-Za-z]{2}", PLACEHOLDER.sub("", text)))


def _texty(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            return True
        case ast.IfExp(body=body, orelse=orelse):
            return _texty(body) or _texty(orelse)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _texty(left) and _texty(right)
        case _:
            return False


def _side_by_side(parts: Sequence[list[str]]) -> list[str]:
    """Texts joined: each wording of each part stands in one of them, so that many choices don't multiply."""
    longest = max((len(part) for part in parts), default=1)
    return ["".join(part[index % len(part)] for part in parts) for index in range(longest)]


def _assigned(body: Iterable[ast.stmt]) -> dict[str, ast.expr]:
    found: dict[str, ast.expr] = {}
    for node in body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found[name] = value
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                pairs = zip(names, values, strict=True)
                found |= {each.id: value for each, value in pairs if isinstance(each, ast.Name)}
    return found


def modules_of(root: Path) -> dict[str, Module]:
    """Every file of ours that can say something, by the name that it is imported by."""
    scripts = sorted((root / "scripts").rglob("*.py"))
    found = {".".join(path.relative_to(root / "scripts").with_suffix("").parts): path for path in scripts}
    found = {name.removesuffix(".__init__"): path for name, path in found.items()}
    found |= {path.name: path for path in [root / "Snakefile", *sorted((root / "rules").glob("*.smk"))]}
    return {
        name: parse(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")) for name, path in found.items()
    }
