"""Room on the disk, asked for before work that would fail for want of it hours later."""

import shutil
from pathlib import Path

from cotejo.errors import CotejoError


def require_free(folder: Path, needed_bytes: int) -> None:
    """CotejoError unless the disk of an existing folder has room for so many bytes more."""
    free_bytes = shutil.disk_usage(folder).free
    if needed_bytes > free_bytes:
        raise CotejoError(
            f"{folder.parent}: {free_bytes / 1e9:.1f} GB free, {needed_bytes / 1e9:.1f} GB needed. Free some, or make "
            "resources/ a link to a larger disk"
        )
