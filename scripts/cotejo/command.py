"""What every command does first and last: a quiet, offline environment, and errors as one line."""

import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

from cotejo.errors import CotejoError

ROOT = Path(__file__).resolve().parents[2]

# No library may phone home, fetch, or install anything by itself: compute nodes have no internet, where the attempt
# costs a time-out at import, and a download inside a measurement would be measured.
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_CONFIG_DIR": str(ROOT / "resources" / "environments" / "ultralytics"),
    "MPLBACKEND": "Agg",
    "TOKENIZERS_PARALLELISM": "false",
}
HUB = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


def run(main: Callable[[], None], online: bool = False) -> NoReturn:
    """Run a command: exit 0, or 1 with one line on standard error for a CotejoError, or 128 + signal.

    With `online` the model hub stays as reachable as the user's environment leaves it; no other command may touch it.
    SIGTERM and SIGHUP are turned into SystemExit so that `finally` blocks stop what the command has started; `nohup`
    keeps its meaning.
    """
    os.environ.update({name: value for name, value in OFFLINE.items() if not (online and name in HUB)})
    find_tools()
    signal.signal(signal.SIGTERM, _exit)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _exit)
    try:
        main()
    except CotejoError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    sys.exit(0)


def find_tools() -> None:
    """Put this interpreter's folder, and that of system packages installed without root, first on PATH."""
    folders = [Path(sys.executable).parent, ROOT / "resources" / "environments" / "system" / "bin"]
    os.environ["PATH"] = os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)])


def end_with_workflow() -> None:
    """Have this process asked to end (SIGTERM) once the Snakemake that runs it is no more, however that ended.

    What is killed can't stop its jobs, and a measurement that goes on for hours would keep the machine.
    """
    workflow = next(filter(_is_snakemake, _ancestors()), None)
    if workflow is None:
        return
    try:
        handle = os.pidfd_open(workflow)
    except ProcessLookupError:
        os.kill(os.getpid(), signal.SIGTERM)
        return

    def wait() -> None:
        select.select([handle], [], [])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _ancestors() -> Iterator[int]:
    process = os.getppid()
    while process > 1:
        yield process
        try:
            stat = Path(f"/proc/{process}/stat").read_text()
        except OSError:
            return
        process = int(stat.rpartition(")")[2].split()[1])


def _is_snakemake(process: int) -> bool:
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(word.rpartition(b"/")[2] == b"snakemake" for word in words[:3])  # a script, or python -m snakemake


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
