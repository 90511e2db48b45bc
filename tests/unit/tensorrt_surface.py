"""What of TensorRT's Python API is there, as plain data: of the real package, of what was written down, of the fake.

    python tests/unit/tensorrt_surface.py tensorrt > tests/fixtures/tensorrt-<version>.json

writes it down under an interpreter that has the package; it needs no GPU.
"""

import inspect
import json
import re
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

CLASSES = (
    "Builder", "IBuilderConfig", "ICudaEngine", "IExecutionContext", "IHostMemory", "ILogger", "INetworkDefinition",
    "IOptimizationProfile", "ITensor", "ITimingCache", "EngineInspector", "OnnxParser", "ParserError", "Runtime",
)  # fmt: skip
ENUMS = ("BuilderFlag", "DataType", "LayerInformationFormat", "NetworkDefinitionCreationFlag", "ProfilingVerbosity",
         "TensorIOMode")  # fmt: skip


def surface(module: ModuleType) -> dict[str, Any]:
    """{class: {member: parameters of each of its overloads, None of a property}} and {enum: members}."""
    classes = {name: members(getattr(module, name)) for name in CLASSES}
    return {
        "version": module.__version__,
        "classes": classes,
        "enums": {name: sorted(getattr(module, name).__members__) for name in ENUMS},
        "severities": sorted(module.ILogger.Severity.__members__),
    }


def members(of: type) -> dict[str, list[list[str]] | None]:
    public = {name: getattr(of, name) for name in dir(of) if not name.startswith("_")}
    return {
        name: overloads(value) if callable(value) else None
        for name, value in sorted(public.items())
        if not isinstance(value, type)
    }


def overloads(function: Any) -> list[list[str]]:
    """The names of the parameters, by pybind11's docstring or by Python's own signature."""
    told = re.findall(r"^(?:\d+\. )?\w+\((.*)\) -> ", function.__doc__ or "", flags=re.MULTILINE)
    if not told:
        return [[name for name in inspect.signature(function).parameters if name != "self"]]
    return [
        [name for name in re.findall(r"(?:^|, )(\w+):", re.sub(r"\[[^\]]*\]|<[^>]*>", "", line)) if name != "self"]
        for line in told
    ]


if __name__ == "__main__":
    json.dump(surface(import_module(sys.argv[1])), sys.stdout, indent=1)
    print()
