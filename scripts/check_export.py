"""Compare an export with PyTorch on the same inputs, and its stored weights with the precision that it claims.

An export that fails is a result: the output says why, the exit status is 0, and its runs get no speed.
"""

import argparse
import os
from pathlib import Path

from cotejo.arguments import add_config, environments
from cotejo.artefact import EXPORT
from cotejo.command import run
from cotejo.exports import stack
from cotejo.files import read_json, write_json
from cotejo.parity import check
from cotejo.places import export_stack


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-folder", required=True, type=Path, help="the model that was exported")
    parser.add_argument("--export-folder", required=True, type=Path, help="the export, with its export.json")
    parser.add_argument("--bound", required=True, type=float, help="the largest relative error of any output")
    parser.add_argument("--output", required=True, type=Path, help="the JSON file to write")
    add_config(parser)
    arguments = parser.parse_args()
    scratch = arguments.output.with_name(f".{arguments.output.name}.{os.getpid()}.scratch")
    form = read_json(arguments.export_folder / EXPORT)["format"]
    python = export_stack(form, environments(arguments.config)).python if stack(form) else None
    gate = check(arguments.model_folder, arguments.export_folder, arguments.bound, scratch, python)
    write_json(arguments.output, gate)
    print(f"{gate['status']}: error {gate['error']}, bound {gate['bound']:g}: {gate['message'] or gate['constants']}")


if __name__ == "__main__":
    run(main)
