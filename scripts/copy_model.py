"""Copy a model of one's own from the folder that config/models.yaml names, so that nothing changes it any more.

Every file is read once and pinned by its checksum. No code from the folder is run: weights are safetensors, or an
ultralytics checkpoint of which nothing but tensors and known classes is built.
"""

import argparse
from pathlib import Path

from cotejo.command import run
from cotejo.errors import CotejoError
from cotejo.models import own
from cotejo.models.catalogue import read_entry
from cotejo.models.own_copy import copy_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=Path("config/models.yaml"), help="the catalogue of models")
    parser.add_argument("--model", required=True, help="an entry of the catalogue that names a folder")
    parser.add_argument("--sha256", help="what the checksums of the folder's files must come to (default: anything)")
    parser.add_argument("--output", required=True, type=Path, help="the model folder to make")
    arguments = parser.parse_args()
    entry = read_entry(arguments.models, arguments.model)
    if not own.is_own(entry):
        raise CotejoError(f"--model: {arguments.model}: its entry names no folder. Use scripts/fetch_model.py")
    copy_model(arguments.model, entry, arguments.sha256, arguments.output)


if __name__ == "__main__":
    run(main)
