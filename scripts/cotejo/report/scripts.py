"""The scripts that a page carries, and the policy by which a browser runs those and loads nothing."""

import base64
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).parent
VENDOR = HERE / "vendor"


def scripts() -> list[str]:
    """One for the head; then what others wrote, each below its licence, as that asks for; then ours, which uses it."""
    carried = json.loads((VENDOR / "vendor.json").read_text(encoding="utf-8"))
    first, last = ((HERE / name).read_text(encoding="utf-8") for name in ("settle.js", "report.js"))
    return [first, *(_licensed(each) for each in carried), last]


def policy(scripts: Iterable[str]) -> str:
    """The content security policy of a page with these scripts: they run, no other does, and nothing is fetched."""
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _licensed(carried: dict[str, str]) -> str:
    licence = (VENDOR / carried["licence"]).read_text(encoding="utf-8").strip()
    code = (VENDOR / carried["file"]).read_text(encoding="utf-8").strip()
    return f"/*! {carried['package']} {carried['version']}\n{licence}\n*/\n{code}\n"


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
