"""What a program's log says of what went wrong."""

import re
from pathlib import Path

TAIL_BYTES = 65536

_TELLING = re.compile(
    r"error|exception|fail|fatal|cannot|can't|could not|unable|invalid|not found|no such|no module|denied|refused"
    r"|in use|out of memory|killed|abort|panic",
    re.IGNORECASE,
)
# Those that only say that something was said before, or the line of a program that says it.
_LESS = re.compile(r"warning|root cause above|^raise |failed to load all models", re.IGNORECASE)


def telling_line(log: Path, least: str = "\0") -> str:
    """The last line of a log that speaks of something wrong, or else its last line; lines that begin with `least` only
    where there are no others.
    """
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - TAIL_BYTES))
        lines = [line.strip() for line in stream.read().decode(errors="replace").splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(least)] or lines
    telling = (line for line in reversed(lines) if _TELLING.search(line) and not _LESS.search(line))
    return next(telling, lines[-1] if lines else "it wrote nothing")
