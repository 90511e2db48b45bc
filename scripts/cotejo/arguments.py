"""What the commands that measure a run are told: its settings, and the folders that it is measured from."""

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cotejo import places
from cotejo.command import ROOT
from cotejo.errors import CotejoError
from cotejo.repeat import Inputs
from cotejo.schema import check, load_yaml, schema_of
from cotejo.serving import Serving, serving

CONFIG = ROOT / "config" / "config.yaml"


def add_run(parser: argparse.ArgumentParser) -> None:
    """The flags that name a run and its folders."""
    parser.add_argument("--run", required=True, help="the run: one JSON object with every setting resolved")
    parser.add_argument("--model-folder", required=True, type=Path, help="the run's model, with its model.json")
    parser.add_argument("--dataset-folder", required=True, type=Path, help="the run's data set, with its dataset.json")
    parser.add_argument(
        "--artefact", type=Path, help="the run's export, with its export.json, where its backend needs one"
    )
    parser.add_argument("--parity", type=Path, help="what check_export found about that export (JSON)")


def add_stage(parser: argparse.ArgumentParser) -> None:
    """The flag that has a run's folders copied to the machine's own disk first."""
    parser.add_argument(
        "--stage",
        nargs="?",
        const=tempfile.gettempdir(),
        metavar="FOLDER",
        help="copy model, export, data set and what a server was prepared with below this folder of the machine's own "
        "disk before anything is measured, and delete them at the end; it may name variables, such as '/scratch/$USER' "
        "(without FOLDER: $TMPDIR, or /tmp)",
    )


def add_server(parser: argparse.ArgumentParser) -> None:
    """The flags that say by what a run is served."""
    parser.add_argument("--prepared", required=True, type=Path, help="the folder that prepare_server fills")
    add_config(parser)


def add_config(parser: argparse.ArgumentParser) -> None:
    """The flag that says under whose interpreters a run's programs run, or an export's."""
    parser.add_argument(
        "--config", type=Path, default=CONFIG, help="its `environments` may replace a stack by the user's (%(default)s)"
    )


def inputs_of(arguments: argparse.Namespace, repeat: int = 1) -> Inputs:
    """What the flags of `add_run` name; CotejoError where they don't go together."""
    inputs = Inputs(
        run=parsed_run(arguments.run),
        repeat=repeat,
        model_folder=arguments.model_folder,
        dataset_folder=arguments.dataset_folder,
        export_folder=arguments.artefact,
        parity_file=arguments.parity,
        stage=getattr(arguments, "stage", None),
    )
    check_exports(inputs)
    if inputs.stage and inputs.run.get("nodes", 1) > 1:
        raise CotejoError(f"--stage: {inputs.stage}: the run's other nodes have no copies there. Leave it out")
    return inputs


def serving_of(arguments: argparse.Namespace, run: Mapping[str, Any]) -> Serving:
    """What the flags of `add_server` come to for a run."""
    return serving(arguments.prepared, places.server_stack(run, environments(arguments.config)))


def environments(config: Path = CONFIG) -> Mapping[str, Mapping[str, str]]:
    """Config's `environments`."""
    found: Mapping[str, Mapping[str, str]] = load_yaml(config, "config")["environments"]
    return found


def parsed_run(text: str) -> dict[str, Any]:
    """The run that `--run` holds, once it follows the record's schema."""
    try:
        data: dict[str, Any] = json.loads(text)
    except json.JSONDecodeError as error:
        raise CotejoError(f"--run: not valid JSON ({error}). `snakemake plan` prints the runs of a study") from error
    check(data, schema_of("record")["properties"]["run"], Path("--run"))
    return data


def check_exports(inputs: Inputs) -> None:
    """A run of a backend that loads an export comes with it and its gate's findings; any other with neither."""
    needed = inputs.run["format"] is not None
    for flag, path in (("--artefact", inputs.export_folder), ("--parity", inputs.parity_file)):
        if needed != (path is not None):
            remedy = f"Give the run's {inputs.run['format']} export" if needed else "Leave it out"
            raise CotejoError(
                f"{flag}: {path}: backend {inputs.run['backend']} {'needs' if needed else 'takes no'} export. {remedy}"
            )
