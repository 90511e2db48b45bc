"""Write TensorBoard's event files of a study's trainings, from their records and samples."""

import argparse
from pathlib import Path

from cotejo import record
from cotejo.command import run
from cotejo.event_files import TASK, event_file, write_events
from cotejo.files import replacing
from cotejo.summary import read_sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheet", required=True, type=Path, help="the study's runs.csv")
    parser.add_argument("--results", required=True, type=Path, help="the folder that has the study's folder records/")
    parser.add_argument("--output", required=True, type=Path, help="the folder to write: tensorboard --logdir reads it")
    arguments = parser.parse_args()

    written = 0
    with replacing(arguments.output) as folder:
        folder.mkdir()
        for path in record.of_runs(arguments.results, read_sheet(arguments.sheet)):
            facts = record.read(path)
            if facts["run"]["task"] == TASK and facts["status"] == "ok":
                write_events(folder / event_file(facts), facts, record.read_samples(path, facts))
                written += 1
    print(f"{arguments.output}: event files of {written} repeats. To see them: tensorboard --logdir {arguments.output}")


if __name__ == "__main__":
    run(main)
