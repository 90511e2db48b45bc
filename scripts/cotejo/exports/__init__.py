"""Export formats: one module per format, with one module per architecture where an exporter needs its own code.

A format's module gives, with heavy imports only inside its functions:

- `PRECISIONS`: {architecture it can hold: precisions its constants can be stored in};
- `ARCHITECTURES`: the keys of PRECISIONS;
- `DISTRIBUTIONS`: the packages whose versions decide the bytes of an export;
- `export(model_folder, output, architecture, precision)`: fill the folder `output`;
- `outputs(export_folder, architecture, inputs)`: for each of the inputs, {name: array} as the format's own runtime
  answers, computing in float32; comparable with the `reference_outputs` of the architecture's module;
- `comparable(reference)`, only where its runtime can't be asked for all that: which part of what PyTorch answers, in
  which form, `outputs` is to be compared with;
- `weights(export_folder)`: every constant that is a weight, whatever its type (weights.Weight).

Where another format's export is what it is made from, `SOURCE` names that, and `export` is given its folder too:
`export(model_folder, output, architecture, precision, source)`. `STACK`, where its packages are not Cotejo's own, is
envs/<STACK>.txt: its command and its `outputs` run under that interpreter. `OF_MACHINE = True`: what it makes is of use
on the machine where it is made alone, so that every system has a folder of its own.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType

from cotejo.code import SCRIPTS, ast_digest, run_modules
from cotejo.errors import CotejoError

EXPORTERS = {
    "openvino": "cotejo.exports.openvino",
    "openvino-genai": "cotejo.exports.openvino_genai",
    "onnx": "cotejo.exports.onnx",
    "gguf": "cotejo.exports.gguf",
    "tensorrt": "cotejo.exports.tensorrt",
}


def exporter(name: str) -> ModuleType:
    """A format's module; CotejoError if there is none of that name."""
    if name not in EXPORTERS:
        raise CotejoError(f"format: {name}: unknown. One of {', '.join(EXPORTERS)}")
    return import_module(EXPORTERS[name])


def stack(name: str) -> str | None:
    """The stack under whose interpreter a format is exported and computed; None: Cotejo's own."""
    found: str | None = getattr(exporter(name), "STACK", None)
    return found


def of_machine(name: str) -> bool:
    """Whether each system has exports of its own in this format."""
    return bool(getattr(exporter(name), "OF_MACHINE", False))


def code_digest(name: str, architecture: str, scripts: Path = SCRIPTS) -> str:
    """The digest of the code that decides an export's bytes: its command, and what it imports for the architecture.

    Registries are left out, so that a new format or architecture leaves the exports of all others as they are.
    """
    stem = name.replace("-", "_")
    starts = (f"export_{stem}.py", f"cotejo/exports/{stem}.py", f"cotejo/exports/{stem}_{architecture}.py")
    imported = {
        path
        for start in starts
        if (scripts / start).is_file()
        for path in run_modules({"architecture": architecture}, start, scripts)
    }
    deciding = {scripts, scripts / "cotejo" / "exports", scripts / "cotejo" / "models"}
    return ast_digest(path for path in imported if path.parent in deciding and path.name != "__init__.py")
