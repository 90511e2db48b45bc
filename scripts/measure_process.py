"""Measure one repeat of one run in this machine's own processes: a fresh one, pinned, watched, alone on the machine.

Writes the record (JSON) and its samples (CSV) beside it. An export that failed its gate, a crash, a lack of memory, a
time-out or a lost pin becomes a `failed` record with its reason, and the command still exits 0. It exits 1 for inputs
that are not the run's, and leaves no record then.
"""

import argparse
import json
from pathlib import Path

from cotejo.command import run
from cotejo.errors import CotejoError
from cotejo.measure import Inputs, measure
from cotejo.schema import check, schema_of


def main() -> None:
    """Parse the command line, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True, help="the run: one JSON object with every setting resolved")
    parser.add_argument("--repeat", required=True, type=int, help="which repeat of the run this is, from 1")
    parser.add_argument("--model-folder", required=True, type=Path, help="the run's model, with its model.json")
    parser.add_argument("--dataset-folder", required=True, type=Path, help="the run's data set, with its dataset.json")
    parser.add_argument(
        "--artefact", type=Path, help="the run's export, with its export.json, where its backend needs one"
    )
    parser.add_argument("--parity", type=Path, help="what check_export found about that export (JSON)")
    parser.add_argument("--output", required=True, type=Path, help="the record to write (JSON), such as r1.json")
    parser.add_argument("--log", required=True, type=Path, help="where the measured process's own output goes")
    arguments = parser.parse_args()
    inputs = Inputs(
        run=parsed_run(arguments.run),
        repeat=arguments.repeat,
        model_folder=arguments.model_folder,
        dataset_folder=arguments.dataset_folder,
        export_folder=arguments.artefact,
        parity_file=arguments.parity,
    )
    check_exports(inputs)
    measure(inputs, arguments.output, arguments.log)


def parsed_run(text: str) -> dict:
    """The run that `--run` holds, once it follows the record's schema."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise CotejoError(f"--run: not valid JSON ({error}). `snakemake plan` prints the runs of a study") from error
    check(data, schema_of("record")["properties"]["run"], Path("--run"))
    return data


def check_exports(inputs: Inputs) -> None:
    """A run of a backend that loads an export comes with it and its gate's findings; any other with neither."""
    needed = inputs.run["format"] is not None
    for flag, path in (("--artefact", inputs.export_folder), ("--parity", inputs.parity_file)):
        if needed != (path is not None):
            remedy = f"Give the run's {inputs.run['format']} export" if needed else "Leave it out"
            raise CotejoError(
                f"{flag}: {path}: backend {inputs.run['backend']} {'needs' if needed else 'takes no'} export. {remedy}"
            )


if __name__ == "__main__":
    run(main)
