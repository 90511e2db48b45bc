"""What docs/how-to/ shows, put into a copy of the checkout and run there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from cotejo.command import ROOT
from tests.conftest import copy_checkout

# "The file, `scripts/…`:" or "The line, in `BACKENDS` of `scripts/…`:", and the block below it.
_BLOCK = re.compile(r"(?:in `(\w+)` of )?`((?:scripts|config)/[^`]+)`:\n\n```\w+\n(.*?)```", flags=re.DOTALL)


class Copy:
    """A copy of the checkout with what a page shows."""

    def __init__(self, folder: Path, *pages: str) -> None:
        self.folder = copy_checkout(folder).folder
        self.environment = {**os.environ, "PYTHONPATH": str(self.folder / "scripts")}
        self.files: list[str] = []  # of Python, that the pages have one write
        for page in pages:
            blocks = _BLOCK.findall((ROOT / "docs" / "how-to" / page).read_text(encoding="utf-8"))
            assert len(blocks) >= 2, page
            for registry, path, text in blocks:
                self._put(registry, self.folder / path, text)

    def _put(self, registry: str, file: Path, text: str) -> None:
        if not registry:
            assert not file.exists(), f"{file} is there already"
            file.write_text(text, encoding="utf-8")
            self.files += [str(file)] if file.suffix == ".py" else []
            return
        assert text.count("\n") == 1, f"{text!r} is more than one line"
        old = file.read_text(encoding="utf-8")
        assert old.count(f"{registry} = {{\n") == 1
        file.write_text(old.replace(f"{registry} = {{\n", f"{registry} = {{\n{text}"), encoding="utf-8")

    def command(self, name: str, *arguments: Any, timeout_s: float = 120) -> str:
        """What one of the copy's commands prints."""
        return self.python(str(self.folder / "scripts" / f"{name}.py"), *map(str, arguments), timeout_s=timeout_s)

    def python(self, *arguments: str, timeout_s: float = 120) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True,
            timeout=timeout_s, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def runs(self, study: str) -> list[dict[str, Any]]:
        """The settings of a study's runs, as commands are told them."""
        code = "import json, sys; from cotejo.study import load_study; print(json.dumps(load_study(sys.argv[1]).runs))"
        return [
            {key: run[key] for key in run if key != "repeats"} for run in json.loads(self.python("-c", code, study))
        ]
