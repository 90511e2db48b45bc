"""What identifies code: the digest of its syntax trees, so that comments, docstrings and formatting don't count."""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from cotejo.command import ROOT
from cotejo.errors import CotejoError
from cotejo.files import digest

SCRIPTS = ROOT / "scripts"
PACKAGE = "cotejo"

# What a task imports only to make metrics of samples, once all is measured: better statistics are no other measurement.
AFTERWARDS = ("cotejo/tasks/latency.py", "cotejo/stats.py")

# A package that imports one of its modules by a run's choice, and the run's key that names it.
REGISTRIES = {
    "backends": "backend", "tasks": "task", "models": "architecture",
    "servers": "server", "clients": "client", "apis": "api", "accelerators": "device",
}  # fmt: skip
# Those whose modules start programs, some of which are Cotejo's own and lie beside them: own.py, own_process.py.
STARTING = ("servers", "clients")

# Where what is measured begins: in the process that holds the model, or at the client, the server and what they speak.
WORKER = ("cotejo/worker.py",)
RANK = "cotejo/rank.py"  # where there are several such processes
SERVING = tuple(f"cotejo/{name}/__init__.py" for name in ("clients", "servers", "apis"))


def ast_digest(paths: Iterable[Path]) -> str:
    """The digest of modules' syntax trees, the same in whatever order and folders they lie and on any Python.

    File names count; comments, docstrings and formatting do not. CotejoError where a file is missing or not Python.
    """
    trees = ((path.name, _tree_digest(_source(path), path)) for path in paths)
    return digest(sorted(trees), length=16)


@cache
def _tree_digest(source: bytes, path: Path) -> str:
    return digest(_plain(_without_docstrings(_parse(source, path))), length=64)


def run_modules(run: Mapping[str, Any], start: str | None = None, scripts: Path = SCRIPTS) -> list[Path]:
    """The modules of Cotejo that a measured process of this run may import, sorted by path; or those from `start` on.

    Found by following import statements, not by watching the process, so that an attempt that died early has the
    same code digest as the one beside it that did not.
    """
    found: set[Path] = set()
    waiting = [scripts / name for name in ((start,) if start else SERVING if "server" in run else WORKER)]
    while waiting:
        path = waiting.pop()
        if path in found or path.relative_to(scripts).as_posix() in AFTERWARDS:
            continue
        found.add(path)
        waiting += _imported(path, scripts)
        if path.name == "__init__.py" and path.parent.name in REGISTRIES:
            waiting += _chosen(path, run, scripts)
    return sorted(found)


def _chosen(registry: Path, run: Mapping[str, Any], scripts: Path) -> Iterator[Path]:
    """The module that a registry has for a run's choice, and the programs beside it; none of a choice it doesn't have.

    A server's backend need not be one that runs in process.
    """
    modules = dict(_registered(registry))
    if not modules:
        raise CotejoError(f"{registry}: no dictionary of names and modules. Spell it out: this file is read, not run")
    chosen = modules.get(str(run.get(REGISTRIES[registry.parent.name])))
    if chosen is None:
        return
    yield scripts.joinpath(*chosen.split(".")).with_suffix(".py")
    if registry.parent.name in STARTING:
        others = {name.split(".")[-1] for name in modules.values()}
        beside = registry.parent.glob(f"{chosen.split('.')[-1]}_*.py")
        yield from (path for path in beside if path.stem not in others)


def _registered(registry: Path) -> Iterator[tuple[str, str]]:
    """What a registry's dictionaries say: {name: dotted name of a module of Cotejo}."""
    for node in ast.walk(_parse(_source(registry), registry)):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                match key, value:
                    case ast.Constant(value=str(name)), ast.Constant(value=str(module)):
                        if module.startswith(f"{PACKAGE}."):
                            yield name, module


def _imported(path: Path, scripts: Path) -> Iterator[Path]:
    """The files of Cotejo's modules that a module's import statements name, their packages included."""
    for name in _names_imported(_source(path), path):
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            place = scripts.joinpath(*parts[:length])
            yield from (file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file())


@cache
def _names_imported(source: bytes, path: Path) -> Sequence[str]:
    """The dotted names in Cotejo that import statements may mean by theirs: modules, or what is in them.

    None of those under `if TYPE_CHECKING`, which never run.
    """
    names: list[str] = []
    tree = _parse(source, path)
    unread = {part for node in ast.walk(tree) if _for_types(node) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if node in unread:
            continue
        match node:
            case ast.Import():
                names += [alias.name for alias in node.names]
            case ast.ImportFrom(module=str(module), level=0):
                names += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return [name for name in dict.fromkeys(names) if name.split(".")[0] == PACKAGE]


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _source(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise CotejoError(f"{path}: no such file. Restore it from the repository") from error


def _parse(source: bytes, path: Path) -> ast.Module:
    try:
        return ast.parse(source, filename=str(path))
    except SyntaxError as error:
        raise CotejoError(f"{path}: line {error.lineno}: not valid Python ({error.msg}). Mend that line") from error


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            match node.body:
                case [ast.Expr(value=ast.Constant(value=str())), *rest]:
                    node.body = rest
    return tree


def _plain(node: Any) -> Any:
    """A syntax tree as plain data; empty fields are left out, because newer Pythons add some to every node."""
    match node:
        case ast.Constant():
            # As text, since JSON has no type for some constants and would make others equal: 1, 1.0, True, b"".
            return {"node": "Constant", "value": repr(node.value)}
        case ast.AST():
            fields = {name: _plain(value) for name, value in ast.iter_fields(node) if value is not None and value != []}
            return {"node": type(node).__name__, **fields}
        case list():
            return [_plain(item) for item in node]
        case _:
            return node
