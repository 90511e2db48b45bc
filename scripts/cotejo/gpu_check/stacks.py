"""Stacks as checks find them: in config/config.yaml, made by `make env-<stack>`, or in this interpreter itself."""

import json
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from cotejo import arguments
from cotejo.arguments import CONFIG
from cotejo.command import ROOT
from cotejo.gpu_check.check import Untried
from cotejo.stacks import STAMP

# What makes any interpreter one of a stack.
PACKAGES = {"deepspeed": "deepspeed", "onnxruntime-gpu": "onnxruntime", "tensorrt": "tensorrt", "vllm": "vllm"}


def made(stack: str) -> bool:
    """Whether `make env-<stack>` has made it."""
    return (ROOT / "resources" / "environments" / stack / STAMP).is_file()


def require(stack: str | None) -> None:
    """Untried unless there is an interpreter of a stack."""
    if stack and not made(stack) and stack not in found():
        own = f"{PACKAGES[stack]}, or " if stack in PACKAGES else ""
        raise Untried(f"needs {own}`make env-{stack}`")


def found() -> dict[str, Mapping[str, str]]:
    """Config's `environments`, and this interpreter for the stacks that are neither there nor made."""
    own = {
        stack: {"python": sys.executable}
        for stack, package in PACKAGES.items()
        if not made(stack) and find_spec(package) is not None
    }
    return {**own, **environments(CONFIG)}


def environments(config: Path) -> Mapping[str, Mapping[str, str]]:
    return arguments.environments(config)


def write_config(file: Path) -> None:
    """Config with what was found, for the commands that are told it."""
    file.write_text(json.dumps({**_config(), "environments": found()}), encoding="utf-8")


def parity_bound(precision: str) -> float:
    """Config's bound of an export's error."""
    return float(_config()["parity"][precision])


def _config() -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    return told
