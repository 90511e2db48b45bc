"""Measure one repeat of one run in this machine's own processes: a fresh one, pinned, watched, alone on the machine.

Writes the record (JSON) and its samples (CSV) beside it. An export that failed its gate, a crash, a lack of memory, a
time-out or a lost pin becomes a `failed` record with its reason, and the command still exits 0. It exits 1 for inputs
that are not the run's, and leaves no record then.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from cotejo.arguments import add_config, add_run, add_stage, environments, inputs_of
from cotejo.command import end_with_workflow, run
from cotejo.measure import measure
from cotejo.places import worker_stack


def main() -> None:
    """Parse the command line, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_run(parser)
    add_stage(parser)
    add_config(parser)
    parser.add_argument("--repeat", required=True, type=int, help="which repeat of the run this is, from 1")
    parser.add_argument("--output", required=True, type=Path, help="the record to write (JSON), such as r1.json")
    parser.add_argument("--log", required=True, type=Path, help="where the measured process's own output goes")
    arguments = parser.parse_args()
    end_with_workflow()
    inputs = inputs_of(arguments, arguments.repeat)
    stack = worker_stack(inputs.run, environments(arguments.config))
    measure(replace(inputs, python=stack.python), arguments.output, arguments.log)


if __name__ == "__main__":
    run(main)
