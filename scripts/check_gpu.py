"""Take every path of Cotejo on a machine's GPUs at small scale, and write a table of which work, with versions.

Runs under any interpreter that has torch and transformers; what needs more is tried where that is there, and listed as
not tried, with the reason, where it isn't. `--device cpu` rehearses on a machine without a GPU what can be: that proves
the checks, and nothing of a GPU.

Exit status: 0 where all that could be tried passed, 1 where something failed, 2 where nothing could be tried.
"""

import argparse
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from cotejo import lock
from cotejo.command import run
from cotejo.errors import CotejoError
from cotejo.files import read_json
from cotejo.gpu_check import all_checks, report
from cotejo.gpu_check.check import CPU, CUDA, Check
from cotejo.gpu_check.machine import count
from cotejo.gpu_check.perform import UNTRIED, Result, exit_status, in_process, perform, why_ended
from cotejo.record import utc_now

LOOK_S = 180.0


def chosen(checks: list[Check], names: list[str] | None) -> list[Check]:
    """The checks of these names, or all; CotejoError where one is of none."""
    known = [each.name for each in checks]
    for name in names or ():
        if name not in known:
            raise CotejoError(f"--only: {name}: no such check. One of {', '.join(known)}")
    return [each for each in checks if not names or each.name in names]


def looked(logs: Path) -> dict[str, Any]:
    """What this interpreter and this machine have; CotejoError where that can't be found out."""
    with tempfile.TemporaryDirectory(prefix="cotejo-gpu-check-") as scratch:
        file = Path(scratch) / "machine.json"
        ended = in_process(["cotejo.gpu_check.machine", str(file)], LOOK_S, logs / "machine.log")
        if ended.exit_code != 0 or ended.timed_out:
            raise CotejoError(
                f"{sys.executable}: can't say what GPUs are here: {why_ended(ended, LOOK_S)}. "
                "Mend the driver until `nvidia-smi` lists them"
            )
        found: dict[str, Any] = read_json(file)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=(CUDA, CPU), default=CUDA, help="cpu: a rehearsal (default cuda)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these checks alone")
    parser.add_argument("--list", action="store_true", help="print the checks, and do nothing else")
    parser.add_argument(
        "--output", type=Path, default=Path("gpu-check"), help="the folder of the table and the logs (%(default)s)"
    )
    arguments = parser.parse_args()
    checks = chosen(all_checks(), arguments.only)
    if arguments.list:
        for each in checks:
            print(f"{each.name:<24}  {each.proves}")
        return
    logs = arguments.output / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    seen = looked(logs)
    gpus, missing = count(seen, arguments.device)
    if missing:
        results = [Result(each.name, each.proves, UNTRIED, missing) for each in checks]
    else:
        # A rehearsal measures nothing that others could disturb, or that would disturb them.
        alone = lock.measuring_lock("check_gpu.py") if arguments.device == CUDA else nullcontext()
        with alone:
            results = perform(
                checks, arguments.device, gpus, logs, lambda result: print(report.line(result), flush=True)
            )
    report.write(arguments.output, results, seen, arguments.device, utc_now())
    print(f"{report.counted(results)}: {arguments.output / 'report.md'}")
    if missing:
        print(f"nothing could be tried: {missing}", file=sys.stderr)
    sys.exit(exit_status(results))


if __name__ == "__main__":
    run(main)
