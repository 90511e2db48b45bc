"""Runs Snakemake again and again, each time in a process of its own, without importing it again each time.

    python snakemake_forks.py

It reads lines from its standard input, each a JSON object {"arguments", "cwd", "environment", "output", "errors",
"timeout_s"}, and answers each with the exit status, negative for a signal. What is forked has only what Snakemake
imports by itself, and runs and ends as `python -m snakemake` does.
"""

import gc
import json
import os
import runpy
import signal
import sys
from typing import Any


def main() -> None:
    import jsonschema  # noqa: F401  what the Snakefile imports first, and is none of the project's
    import snakemake.cli
    import yaml  # noqa: F401

    snakemake.cli.get_argument_parser()  # which imports its plugins
    gc.freeze()
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            become_snakemake(json.loads(line))
            return
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def become_snakemake(asked: dict[str, Any]) -> None:
    """In a process of its own: its files, its environment, its time, and then the program."""
    for number, path in ((0, os.devnull), (1, asked["output"]), (2, asked["errors"])):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
        os.dup2(file, number)
        os.close(file)
    signal.alarm(asked["timeout_s"])
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.path[0] = asked["cwd"]
    sys.argv = ["snakemake", *asked["arguments"]]
    runpy.run_module("snakemake", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
