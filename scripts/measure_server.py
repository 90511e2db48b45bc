"""Measure one repeat of one run that has a server: a fresh one, pinned, alone on the machine, at all load levels.

Writes the record (JSON) and its samples (CSV) beside it. A launch or an export that failed its gate, a server or a
client that dies, hangs or is missing becomes a `failed` record with its reason, and the command still exits 0. It exits
1 for inputs that are not the run's, and leaves no record then.
"""

import argparse
from pathlib import Path

from cotejo.arguments import add_run, add_server, add_stage, environments, inputs_of, serving_of
from cotejo.command import end_with_workflow, run
from cotejo.measure_server import measure
from cotejo.places import client_stack
from cotejo.serving import Driving


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_run(parser)
    add_server(parser)
    add_stage(parser)
    parser.add_argument("--repeat", required=True, type=int, help="which repeat of the run this is, from 1")
    parser.add_argument("--launch", required=True, type=Path, help="what launch_server found out (JSON)")
    parser.add_argument("--output", required=True, type=Path, help="the record to write (JSON), such as r1.json")
    parser.add_argument(
        "--log", required=True, type=Path, help="where the server's own output goes; the clients' goes beside it"
    )
    arguments = parser.parse_args()
    end_with_workflow()
    inputs = inputs_of(arguments, arguments.repeat)
    client = client_stack(inputs.run, environments(arguments.config))
    served = serving_of(arguments, inputs.run)
    measure(inputs, served, Driving(arguments.launch, client.python), arguments.output, arguments.log)


if __name__ == "__main__":
    run(main)
