"""Hold Cotejo's measured process against what it must not be slower than, and write docs/performance.md's table."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))
    from comparing import main

    from cotejo.command import run

    run(main)
