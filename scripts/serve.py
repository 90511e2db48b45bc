"""Start the server of one of a study's runs, as a measurement does, and keep it until Ctrl-C: to poke at.

Model, data set and export must be there already: `snakemake` makes them. Says where it listens, and which file has the
key that it asks for, if any; the file is gone with the server. Meanwhile nothing is measured on this machine.
"""

import argparse
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Any

from cotejo import affinity, lock, places
from cotejo.affinity import Watch
from cotejo.arguments import check_exports
from cotejo.child import aside, nothing_left, supervise
from cotejo.command import ROOT, run
from cotejo.errors import CotejoError
from cotejo.launch import prepare
from cotejo.repeat import Inputs, end_leftovers, pinned_cpus
from cotejo.schema import did_you_mean, load_yaml
from cotejo.servers import server
from cotejo.serving import Serving, job_of
from cotejo.serving import serving as serving_by
from cotejo.session import ServingError, Session, Setting, serving, telling_line
from cotejo.study import load_study
from cotejo.systems import selected


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", help="a file of config/studies/, without .yaml")
    parser.add_argument("run", help="one of its runs, by the id that `snakemake plan` prints, or by its block's name")
    parser.add_argument("--overlay", default="", help="the overlay laid over it")
    parser.add_argument("--system", help="the system that this machine is (the one config/config.yaml names)")
    parser.add_argument(
        "--log", type=Path, default=Path("logs/serve.log"), help="for the server's own output (%(default)s)"
    )
    arguments = parser.parse_args()
    config = load_yaml(ROOT / "config" / "config.yaml", "config")
    system = arguments.system or only_system(config["system"])
    chosen = chosen_run(load_study(arguments.study, arguments.overlay, [system]).runs, arguments.run)
    stack = places.server_stack(chosen, config["environments"])
    inputs = made_inputs(chosen, stack)
    with (
        lock.measuring_lock(shlex.join(sys.argv)),
        tempfile.TemporaryDirectory(prefix="cotejo-serve-") as folder,
    ):
        serve(inputs, serving_by(Path(folder, "prepared"), stack), Path(folder), arguments.log)


def only_system(names: str | list[str]) -> str:
    """The one system that config.yaml names; CotejoError where there are several, for a server is started on this."""
    first, *others = selected(names)
    if others:
        raise CotejoError(
            f"config/config.yaml: system: [{', '.join([first, *others])}]: a server is started on this machine alone. "
            "Give the one that it is by --system"
        )
    return first


def chosen_run(runs: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The run of that id, or the only one of that block; CotejoError where there is none, or it has no server."""
    found = [run for run in runs if run["id"] == name] or [run for run in runs if run["name"] == name]
    if len(found) != 1:
        several = f". Give one of {', '.join(run['id'] for run in found)}" if found else ""
        raise CotejoError(
            f"run: {name}: {len(found) or 'no'} runs of that name"
            f"{several or did_you_mean(name, {run['id' if '_' in name else 'name'] for run in runs})}"
        )
    if "server" not in found[0]:
        raise CotejoError(f"run: {name}: it has no server: it is measured in process. Take another run")
    return found[0]


def made_inputs(chosen: dict[str, Any], stack: places.Stack) -> Inputs:
    """What the run is served from; CotejoError, with the command that makes it, where something is not there yet."""
    folders = [places.model_folder(chosen), places.dataset_folder(chosen)]
    exported = chosen["format"] is not None
    folders += [places.export_folder(chosen), f"{places.export_folder(chosen)}.parity.json"] if exported else []
    missing = [path for path in folders if not Path(path).exists()]
    if missing:
        raise CotejoError(f"{missing[0]}: is not made yet. Run `snakemake --cores all {' '.join(missing)}`")
    if stack.made and not stack.python.exists():
        raise CotejoError(f"{stack.python}: is not made yet. Run `make env-{stack.made}`")
    model, dataset, *export = map(Path, folders)
    inputs = Inputs(chosen, 1, model, dataset, *(export or [None, None]))
    check_exports(inputs)
    return inputs


def serve(inputs: Inputs, given: Serving, folder: Path, log: Path) -> None:
    """Serve until the server ends or this process is interrupted."""
    failure = end_leftovers()
    if failure:
        raise CotejoError(failure.message)
    line = prepare(inputs, given)
    if line.startswith("#"):
        raise CotejoError(line.removeprefix("# ").strip())
    watch = Watch(pinned_cpus(inputs.run))
    setting = Setting(affinity.pin_command(watch.expected), watch, log, given.image)
    job = job_of(inputs, given, len(watch.expected), folder / "server")
    module = server(inputs.run["server"])
    print(f"starting {inputs.run['server']} on CPUs {affinity.format_cpus(watch.expected)}; its log: {log}", flush=True)
    try:
        with nothing_left(), aside(watch.expected), serving(module, job, setting) as session:
            tell(session, folder / "key")
            supervise([session.child], session.has_died, float("inf"))
            raise ServingError("server-died", f"the server has ended: {telling_line(log)}")
    except ServingError as error:
        raise CotejoError(f"{error.failure.reason}: {error.failure.message}") from error


def tell(session: Session, file: Path) -> None:
    """Say where the server listens and what it is, and put its key into a file that only its owner can read."""
    print(f"version {session.identity.version}, ready after {session.ready_s:.1f} s")
    for name in session.endpoint.ports:
        print(f"{name}: {session.endpoint.url(name)}")
    print(f"model: {session.endpoint.model}")
    if session.endpoint.key:
        file.touch(mode=0o600)
        file.write_text(session.endpoint.key)
        print(f'key: curl -H "Authorization: Bearer $(cat {file})" {session.endpoint.url()}/…')
    print("Ctrl-C ends it.", flush=True)


if __name__ == "__main__":
    run(main)
