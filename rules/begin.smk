"""What must be so before anything else is read. Snakemake would refuse it too, but not say where, or not in one line."""

import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from cotejo.errors import CotejoError
from cotejo.schema import load_yaml


def stop(error):
    """End with one line. Not raised: Snakemake would put a traceback around a message that is meant to be read."""
    print(f"error: {error}", file=sys.stderr)
    sys.exit(1)


if not Path("config/config.yaml").exists():
    stop(f"config/config.yaml: no such file in {Path.cwd()}. Run snakemake in the folder of Cotejo's Snakefile")
try:
    load_yaml(Path("config/config.yaml"), "config")
except CotejoError as error:
    stop(error)

# All that a job may take of this machine. --unlock and its like are given none; where jobs would run here without it,
# Snakemake says in one line that --cores is missing.
try:
    CORES = workflow.cores
except WorkflowError:
    CORES = len(os.sched_getaffinity(0))
