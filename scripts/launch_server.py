"""Start a run's server once and stop it again: its version, its model, and one answer that is held against PyTorch's.

A launch that fails is a result: the output says why, the exit status is 0, and its runs get no speed.
"""

import argparse
import os
import shlex
import sys
from pathlib import Path

from cotejo import lock
from cotejo.arguments import add_run, add_server, inputs_of, serving_of
from cotejo.command import end_with_workflow, run
from cotejo.files import write_json
from cotejo.launch import launch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_run(parser)
    add_server(parser)
    parser.add_argument("--bound", required=True, type=float, help="config's parity bound for the run's precision")
    parser.add_argument("--output", required=True, type=Path, help="the JSON file to write: launch.json")
    parser.add_argument("--log", required=True, type=Path, help="where the server's own output goes")
    arguments = parser.parse_args()
    end_with_workflow()
    inputs, output = inputs_of(arguments), arguments.output
    output.parent.mkdir(parents=True, exist_ok=True)
    scratch = output.with_name(f".{output.name}.{os.getpid()}.scratch")
    with lock.measuring_lock(shlex.join([sys.argv[0], "--output", str(output.absolute())])):
        told = launch(inputs, serving_of(arguments, inputs.run), arguments.bound, arguments.log, scratch)
    write_json(output, told)
    print(f"{inputs.run['id']}: {told['status']}: {told['message'] or told['version']}")


if __name__ == "__main__":
    run(main)
