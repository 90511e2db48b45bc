"""Runs what Snakemake would run, each command in a fork of a process that has imported the heavy packages already.

    python draw.py PROCESSES < what `snakemake --dry-run --printshellcmds` printed

It runs in the checkout, as Snakemake's jobs do, and fails with the first command that does. Snakemake itself would take
several times as long to draw all studies, most of it for importing.
"""

import os
import re
import runpy
import shlex
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

COMMAND = re.compile(r"^(?:Shell command:)? *python (scripts/\S+\.py .*) > (\S+) 2>&1$", flags=re.MULTILINE)
STUDY = re.compile(r"--output results/([^/ ]+)/")


@dataclass(frozen=True)
class Job:
    """One command of the workflow, without the interpreter."""

    words: list[str]
    log: Path
    study: str  # the folder of results that it writes to; empty where that is all of them

    def follows(self, other: "Job") -> bool:
        """Whether it may need what an earlier one makes: no rule needs what it makes itself."""
        return self.words[0] != other.words[0] and self.study in ("", other.study)


def jobs_of(said: str) -> list[Job]:
    """The jobs of a dry run, in its order: what makes another's input comes before that."""
    return [
        Job(shlex.split(command), Path(log), study[1] if (study := STUDY.search(command)) else "")
        for command, log in COMMAND.findall(said)
    ]


def run(job: Job, needed: list["Future[None]"], forking: threading.Lock) -> None:
    """Wait for what it needs, then become the command in a process of its own."""
    for other in needed:
        other.result()
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with forking:
        process = os.fork()
        if process == 0:
            become(job)
    _, status = os.waitpid(process, 0)
    if status:
        raise RuntimeError(f"{shlex.join(job.words)}\n{job.log.read_text()}")


def become(job: Job) -> None:
    """Run the script as the interpreter would, and end."""
    file = os.open(job.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    for number in (1, 2):
        os.dup2(file, number)
    sys.argv, status = job.words, 1
    sys.path.insert(0, str(Path(job.words[0]).parent.absolute()))
    try:
        runpy.run_path(job.words[0], run_name="__main__")
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    import jinja2  # noqa: F401
    import jsonschema  # noqa: F401
    import matplotlib.backends.backend_svg
    import matplotlib.pyplot  # noqa: F401
    import pandas  # noqa: F401
    import yaml  # noqa: F401

    jobs = jobs_of(sys.stdin.read())
    if not jobs:
        raise SystemExit("nothing to run: the dry run printed no command that draw.py knows")
    forking = threading.Lock()
    with ThreadPoolExecutor(int(sys.argv[1])) as pool:
        running: list[Future[None]] = []
        for place, job in enumerate(jobs):
            needed = [running[before] for before in range(place) if job.follows(jobs[before])]
            running.append(pool.submit(run, job, needed, forking))
    for future in running:
        future.result()


if __name__ == "__main__":
    main()
