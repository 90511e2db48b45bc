"""What must be so before anything else is read. Snakemake would refuse it too, but not say where, or not in one line."""

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


try:
    workflow.cores
except WorkflowError:
    stop("--cores: is missing. Add --cores all, or the number of this machine's cores that may be used at once")
if not Path("config/config.yaml").exists():
    stop(f"config/config.yaml: no such file in {Path.cwd()}. Run snakemake in the folder of Cotejo's Snakefile")
try:
    load_yaml(Path("config/config.yaml"), "config")
except CotejoError as error:
    stop(error)
