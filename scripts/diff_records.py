"""Print what differs between two records: first what keeps their numbers apart, then what is only recorded.

Settings, environment, model, export, data set, versions and code are compared, not what was measured. The records may
be of different runs; what lies beside them is not needed.
"""

import argparse
from pathlib import Path

from cotejo.command import run
from cotejo.errors import CotejoError
from cotejo.record import read_alone
from cotejo.record_diff import as_text, differences


def main() -> None:
    """Parse the command line and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", nargs=2, type=Path, metavar="RECORD", help="a record, such as r1.json")
    records = parser.parse_args().records
    for path in records:
        if path.suffix != ".json":
            raise CotejoError(f"{path}: is no record. Give a results/<study>/records/<system>/<run>/r<k>.json")
    print(as_text(differences(*map(read_alone, records))))


if __name__ == "__main__":
    run(main)
