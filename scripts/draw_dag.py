"""Draw the rules that a study's jobs belong to, and which follows which, as an SVG: docs/images/dag.svg of the demo."""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cotejo.command import ROOT, run
from cotejo.dag import dot_of, meanings, read_jobs
from cotejo.errors import CotejoError
from cotejo.files import replacing

# What a checkout without results has: where results are, what made them is no longer in the graph.
CHECKOUT = ("Snakefile", "config", "envs", "profiles", "rules", "scripts")


def jobs_of(study: str) -> str:
    """What Snakemake prints of a study's jobs in a checkout without results; CotejoError where it refuses."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in CHECKOUT:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
            copy(ROOT / name, folder / name)
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "--dag", "--config", f"studies=[{study}]"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        told = done.stderr.strip().splitlines()[-1].removeprefix("error: ")
        raise CotejoError(f"--study: {study}: no graph of its jobs ({told}). Mend what `snakemake plan` says of it")
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", default="demo", help="a file in config/studies/ (default: %(default)s)")
    parser.add_argument(
        "--output", type=Path, default=ROOT / "docs" / "images" / "dag.svg", help="the SVG (default: %(default)s)"
    )
    arguments = parser.parse_args()
    if shutil.which("dot") is None:
        raise CotejoError(
            "dot: not found on PATH. Install Graphviz: apt-get install graphviz, or conda-forge's graphviz"
        )
    graph = dot_of(read_jobs(jobs_of(arguments.study)), meanings(ROOT))
    drawn = subprocess.run(["dot", "-Tsvg"], input=graph, capture_output=True, text=True, check=True).stdout
    with replacing(arguments.output) as temporary:
        temporary.write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    run(main)
