"""Compare an export with PyTorch on the same inputs, and its stored weights with the precision that it claims.

An export that fails is a result: the output says why, the exit status is 0, and its runs get no speed.
"""

import argparse
import os
from pathlib import Path

from cotejo.command import run
from cotejo.files import write_json
from cotejo.parity import check


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-folder", required=True, type=Path, help="the model that was exported")
    parser.add_argument("--export-folder", required=True, type=Path, help="the export, with its export.json")
    parser.add_argument("--bound", required=True, type=float, help="the largest relative error of any output")
    parser.add_argument("--output", required=True, type=Path, help="the JSON file to write")
    arguments = parser.parse_args()
    scratch = arguments.output.with_name(f".{arguments.output.name}.{os.getpid()}.scratch")
    gate = check(arguments.model_folder, arguments.export_folder, arguments.bound, scratch)
    write_json(arguments.output, gate)
    print(f"{gate['status']}: error {gate['error']}, bound {gate['bound']:g}: {gate['message'] or gate['constants']}")


if __name__ == "__main__":
    run(main)
