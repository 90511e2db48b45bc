"""Where Cotejo keeps what takes long to make or to fetch, and no checkout needs to itself."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Cotejo's folder in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cotejo"
