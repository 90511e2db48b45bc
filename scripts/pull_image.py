"""Pull an image of a registry once, for all checkouts, or look at one that is a file already; and say what it is.

Its place, its digest and what pulled it are written as JSON: by that the records of a server in it are told apart.
"""

import argparse
from pathlib import Path

from cotejo.command import run
from cotejo.files import write_json
from cotejo.images import check_image
from cotejo.pull import FOLDER, images_folder, pull_or_look


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", help="docker://…@sha256:…, oras://…@sha256:…, or a file (.sif)")
    parser.add_argument(
        "--folder",
        type=Path,
        default=images_folder(),
        help=f"where images are kept: {FOLDER} names another one (%(default)s)",
    )
    parser.add_argument("--output", required=True, type=Path, help="the JSON file to write")
    arguments = parser.parse_args()
    check_image(arguments.image, "image")
    known = pull_or_look(arguments.image, arguments.folder)
    write_json(arguments.output, known)
    print(f"{known['file']}: sha256 {known['sha256']}")


if __name__ == "__main__":
    run(main)
