"""What measured processes leave for whoever measures them, by the names of the files."""

from pathlib import Path

SAMPLES = "samples.csv"
WORKER = "worker.json"  # what a measured process says of its work
RANK = "rank.json"  # and one of several besides, of itself


def rank_folder(output: Path, number: int) -> Path:
    """Where one of several processes leaves its files, in what is the output of them all."""
    return output / f"rank{number}"


def node_file(output: Path, node: int) -> Path:
    """Where a node's torchrun says which of its processes ended badly."""
    return output / f"node{node}.json"
