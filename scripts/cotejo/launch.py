"""A server's launch: rendered, started once, asked one question, stopped. What it finds decides who gets a speed."""

import shlex
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from cotejo import affinity, container
from cotejo.affinity import Watch
from cotejo.apis import api as api_module
from cotejo.apis.ask import ask
from cotejo.apis.interface import AnswerError, Item, asked
from cotejo.artefact import EXPORT, MODEL, Failure, corruption, gate_failure
from cotejo.child import aside, nothing_left
from cotejo.cluster import is_clustered, stand_in
from cotejo.errors import CotejoError, last_line
from cotejo.files import remove, sha256_of
from cotejo.golden import checked
from cotejo.isolated import isolated
from cotejo.measure_server import left_behind
from cotejo.repeat import Inputs, end_leftovers, lost_pin, pinned_cpus
from cotejo.servers import server as server_module
from cotejo.servers.interface import Endpoint
from cotejo.serving import Serving, job_of, prepared_files
from cotejo.session import ServingError, Session, Setting, server_command, serving, telling_line

FIRST_PORT = 8000  # in the launch line that people read


def prepare(inputs: Inputs, given: Serving) -> str:
    """Render what the run's server needs into `given.prepared`, and give the launch line for people to read.

    Of an export that may not be served nothing is rendered: the line says why.
    """
    module = server_module(inputs.run["server"])
    remove(given.prepared)
    given.prepared.mkdir(parents=True)
    failure = unservable(inputs)
    if failure:
        return f"# {failure.reason}: {failure.message}\n"
    with tempfile.TemporaryDirectory(prefix="cotejo-") as scratch:
        job = job_of(inputs, given, len(pinned_cpus(inputs.run)), Path(scratch))
        job = replace(job, cluster=stand_in(inputs.run)) if is_clustered(module, inputs.run) else job
        module.prepare(job)
        ports = {name: FIRST_PORT + place for place, name in enumerate(module.PORTS)}
        try:
            launch = module.launch(job, Endpoint(ports, inputs.run["model"]))
            command, environment = server_command(module, job, launch, None, given.image)
        except CotejoError as error:
            return f"# server-missing: {error}\n"
    told = container.carried_in(environment) if given.image else launch.environment
    variables = [f"{name}={shlex.quote(value)}" for name, value in sorted(told.items())]
    return " \\\n  ".join([*variables, shlex.join(command)]) + "\n"


def unservable(inputs: Inputs) -> Failure | None:
    """Why what a run would serve may not be: its export's gate, by what it wrote down; None where it may."""
    if inputs.export_folder and inputs.parity_file:
        return gate_failure(inputs.export_folder, inputs.parity_file, sha256_of(inputs.model_folder / MODEL))
    return None


def launch(inputs: Inputs, given: Serving, bound: float, log: Path, scratch: Path) -> dict[str, Any]:
    """launch.json: what the server said that it is, and how its answer to one question stood to PyTorch's.

    `bound` is the parity gate's for the run's precision. For those who hold the machine's lock. A server that can't be
    launched, or answers otherwise, is told in `status`, `reason` and `message`.
    """
    run = inputs.run
    told: dict[str, Any] = {
        "status": "failed", "reason": None, "message": None, "run": run["digest"],
        "prepared": prepared_files(given.prepared), "server": run["server"], "version": None, "facts": None,
        "command": [], "ready_s": None, "golden": None,
    }  # fmt: skip
    failure = (
        unservable(inputs)
        or corruption(inputs.export_folder or inputs.model_folder, EXPORT if inputs.export_folder else MODEL)
        or end_leftovers()
        or _launched(inputs, given, bound, log, scratch, told)
    )
    reason, message = (failure.reason, failure.message) if failure else (None, None)
    return told | {"status": "failed" if failure else "ok", "reason": reason, "message": message}


def _launched(
    inputs: Inputs, given: Serving, bound: float, log: Path, scratch: Path, told: dict[str, Any]
) -> Failure | None:
    """Start the server, ask, stop, compare; what comes to be known is put into `told`."""
    run = inputs.run
    module, watch = server_module(run["server"]), Watch(pinned_cpus(run))
    setting = Setting(affinity.pin_command(watch.expected), watch, log, given.image)
    item = next(api_module(run["api"]).items(run, inputs.dataset_folder, inputs.model_folder))
    item = getattr(module, "golden_item", lambda item, model_folder: item)(item, inputs.model_folder)
    session: Session | None = None
    try:
        with tempfile.TemporaryDirectory(prefix="cotejo-") as folder, nothing_left(), aside(watch.expected):
            job = job_of(inputs, given, len(watch.expected), Path(folder) / "server")
            with serving(module, job, setting) as session:
                told["version"], told["facts"] = session.identity.version, dict(session.identity.facts)
                told["command"], told["ready_s"] = session.command, session.ready_s
                answer = _answer(session, run, item)
    except ServingError as error:
        return error.failure
    failure = session.others.failure() or left_behind(session.left) or lost_pin(watch)
    if failure or module.STAND_IN or not getattr(module, "comparable", lambda run: True)(run):
        return failure
    tokens = asked(item, run).get("new_tokens", 0)
    golden = isolated(
        checked, run["api"], run["architecture"], item, answer, inputs.model_folder, tokens, bound,
        scratch=scratch, reason="golden",
    )  # fmt: skip
    if isinstance(golden, Failure):
        return golden
    told["golden"] = golden
    return None if golden["status"] == "ok" else Failure("golden", f"{item.item}: {golden['message']}")


def _answer(session: Session, run: dict[str, Any], item: Item) -> Any:
    try:
        return ask(run["api"], session.endpoint, {**run, "stream": False}, item, run["timeout_s"])
    except (AnswerError, OSError) as error:
        if session.has_died():
            session.others.refuse_ended()
            said = f"it ended when it was asked: {telling_line(session.child.log)}"
            raise ServingError("server-died", said) from error
        raise ServingError("golden", f"it gave no good answer to {item.item}: {last_line(error)}") from error
