"""Render what a run's server needs, as files that a person can read: a model repository, a configuration, its command.

What an export that failed its gate would have been served by is left out: the command file then says why.
"""

import argparse
from pathlib import Path

from cotejo.arguments import add_run, add_server, inputs_of, serving_of
from cotejo.command import run
from cotejo.files import replacing
from cotejo.launch import prepare


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_run(parser)
    add_server(parser)
    parser.add_argument("--command-file", required=True, type=Path, help="where the launch line goes, for reading")
    arguments = parser.parse_args()
    inputs = inputs_of(arguments)
    line = prepare(inputs, serving_of(arguments, inputs.run))
    with replacing(arguments.command_file) as temporary:
        temporary.write_text(line, encoding="utf-8")


if __name__ == "__main__":
    run(main)
