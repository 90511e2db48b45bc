"""A data set of a test's own, prepared as a study's is."""

import json
from pathlib import Path
from typing import Any

from cotejo.datasets.entries import prepare


def prepared(folder: Path, kind: str, source: dict[str, Any], **more: Any) -> Path:
    """Prepare a data set of this kind from its source, below a folder, and return its own."""
    config = folder / "datasets.yaml"
    config.write_text(json.dumps({"mine": {"kind": kind, "source": source} | more}))
    prepare(config, "mine", folder / "made")
    return folder / "made"
