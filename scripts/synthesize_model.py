"""Make a model with seeded random weights: the architecture, files and tokenizer of the real one, without a hub.

The same bits come out on every machine. Speeds measured with them are those of the same dense work, and every record
says `synthetic`: nothing measured so counts as reproduced.
"""

import argparse
from pathlib import Path

from cotejo.command import run
from cotejo.files import replacing
from cotejo.models.catalogue import SCALES, read_entry
from cotejo.models.synthetic import write_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=Path("config/models.yaml"), help="the catalogue of models")
    parser.add_argument("--model", required=True, help="an entry of the catalogue")
    parser.add_argument("--scale", required=True, choices=SCALES)
    parser.add_argument("--seed", type=int, default=0, help="another seed makes other weights (default 0)")
    parser.add_argument("--output", required=True, type=Path, help="the model folder to make")
    parser.add_argument(
        "--headers-only", action="store_true", help="write everything but the weights, and which file would hold which"
    )
    arguments = parser.parse_args()
    entry = read_entry(arguments.models, arguments.model)
    with replacing(arguments.output) as folder:
        write_model(folder, arguments.model, entry, arguments.scale, arguments.seed, arguments.headers_only)


if __name__ == "__main__":
    run(main)
