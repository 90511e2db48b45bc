"""Say how near a record's decoding comes to the speed of its GPU's memory, as check_gpu.py measured that."""

import argparse
import csv
from pathlib import Path

from cotejo.bandwidth import bound
from cotejo.command import run
from cotejo.files import read_json
from cotejo.models import architecture
from cotejo.models.catalogue import config_at, read_entry
from cotejo.record import read, samples_path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", required=True, type=Path, nargs="+", help="records of runs on GPUs, r1.json …")
    parser.add_argument("--check", required=True, type=Path, help="report.json of check_gpu.py on that machine")
    parser.add_argument("--models", type=Path, default=Path("config/models.yaml"), help="the catalogue (%(default)s)")
    arguments = parser.parse_args()
    report = read_json(arguments.check)
    rows = [
        "| record | weights read per token | tokens/s | read | copied at most | share |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for path in arguments.records:
        record = read(path)
        settings = record["run"]
        entry = read_entry(arguments.models, settings["model"])
        shapes = architecture(entry["architecture"]).tensors(config_at(entry, settings["scale"]))
        with samples_path(path).open(newline="", encoding="utf-8") as stream:
            found = bound(record, [*csv.DictReader(stream)], shapes, report)
        rows.append(
            f"| {settings['id']} r{record['repeat']} | {found.weights_bytes / 1e9:.2f} GB | {found.tokens_per_s:.1f} | "
            f"{found.read_gb_per_s:.0f} GB/s | {found.copy_gb_per_s:.0f} GB/s | {found.share:.1%} |"
        )
    print("\n".join(rows))


if __name__ == "__main__":
    run(main)
