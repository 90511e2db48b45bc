"""Measure one repeat of one run that has a server: a fresh one, all load levels, and its end, all written down."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from cotejo import accelerators, affinity, lock, quiet
from cotejo.affinity import Watch
from cotejo.apis import api
from cotejo.artefact import Failure
from cotejo.child import Ending, aside, nothing_left
from cotejo.clients import client as client_module
from cotejo.clients.calibration import calibrate
from cotejo.engine import brings_engine, sweep_engine
from cotejo.errors import CotejoError, NodeFailed
from cotejo.files import read_json, sha256_of
from cotejo.load import LoadLevel
from cotejo.repeat import Inputs, Outcome, lost_pin, write_repeat
from cotejo.samples import write_samples
from cotejo.servers import server as server_module
from cotejo.servers.interface import Endpoint
from cotejo.serving import Driving, Serving, job_of, launch_failure, prepared_files
from cotejo.session import ServingError, Session, Setting, client_cpus, serving
from cotejo.stacks import lock_sha256
from cotejo.staging import Copies
from cotejo.sweep import Client, Sweep, sweep
from cotejo.telemetry.beside import sampling


def measure(
    inputs: Inputs,
    given: Serving,
    driving: Driving,
    output: Path,
    log: Path,
    lock_path: Path = lock.PATH,
    say: Callable[[str], None] = lock.to_stderr,
) -> None:
    """Write the record of one repeat to `output`, and its samples and its telemetry beside it; the server's own words
    go to `log`, a client's beside it.

    Whatever befalls server or client becomes a record. CotejoError where the inputs are not the run's.
    """
    measurement = Measurement(inputs, given, driving, log)
    refused = launch_failure(driving.launch, given.prepared, inputs.run)
    write_repeat(inputs, output, measurement.perform, lock_path, say, refused, measurement.unstarted, given.prepared)


@dataclass(frozen=True)
class Measurement:
    """One repeat of a run that has a server."""

    inputs: Inputs
    given: Serving
    driving: Driving
    log: Path

    def unstarted(self, failure: Failure, watch: Watch) -> Outcome:
        """What is known where no server was started."""
        return self._outcome(failure, watch, self._client(watch, Path()), None, Sweep())

    def perform(self, copies: Copies, watch: Watch, folder: Path) -> Outcome:
        """Start the server pinned as `watch` expects, put every load level on it, stop it, and judge."""
        given = replace(self.given, prepared=copies.of(self.given.prepared))
        return replace(self, inputs=self.inputs.at(copies), given=given)._perform(watch, folder)

    def _perform(self, watch: Watch, folder: Path) -> Outcome:
        inputs, run = self.inputs, self.inputs.run
        client, setting = self._client(watch, folder / "clients"), self._setting(watch)
        job = job_of(inputs, self.given, len(watch.expected), folder / "server")
        telemetry, deadline_s = folder / "telemetry.csv", time.monotonic() + run["timeout_s"]
        server = server_module(run["server"])
        session: Session | None = None
        done, calibration = Sweep(), None
        command: Sequence[str] = ()
        ending: Ending | None = None
        before = quiet.look(watch.expected)
        try:
            with (
                sampling(watch.expected, telemetry) as finish,
                nothing_left(),
                aside(watch.expected | client.setting.watch.expected),
            ):
                if brings_engine(client.module):
                    done = sweep_engine(server, job, client, setting, deadline_s, finish)
                    command, ending = done.command, done.ending
                else:
                    with serving(server, job, setting, keyed=client.module.KEY) as session:
                        done = sweep(session, server, client, deadline_s)
                        finish()
                    calibration = None if done.failure else calibrated(client, setting)
        except ServingError as error:
            done.failure, done.nodes = done.failure or error.failure, error.nodes
            command, ending = error.command, error.ending
        others = None
        if session:
            command, ending, done.left = session.command, session.child.end(), session.left
            done.nodes, others = session.others.reports, session.others.failure()
            if others and others.reason in (NodeFailed.reason, "out-of-memory"):
                done.failure = others  # whatever became of the server and the client then
        looks = {"before": before, "after": quiet.look(watch.expected)}
        kept = quiet.gpu_memory_kept(before, looks["after"], accelerators.shown(run).gpus)
        left = [*done.left, *kept]
        failure = done.failure or others or left_behind(left) or lost_pin(watch)
        failure = failure or lost_pin(client.setting.watch)
        samples = None
        if done.levels:
            samples = folder / "samples.csv"
            write_samples(samples, done.levels, sample_columns(client.module, run["api"]))
        told = telemetry if telemetry.is_file() else None
        outcome = self._outcome(failure, watch, client, session, done, calibration)
        outcome = replace(outcome, command=command, ending=ending, samples=samples, telemetry=told, looks=looks)
        return replace(outcome, nodes=done.nodes)

    def _setting(self, watch: Watch) -> Setting:
        return Setting(affinity.pin_command(watch.expected), watch, self.log, self.given.image)

    def _client(self, watch: Watch, scratch: Path) -> Client:
        inputs, run = self.inputs, self.inputs.run
        module, setting = client_module(run["client"]), self._setting(watch)
        if not brings_engine(module):
            cpus = client_cpus(run["client_cores"], watch.expected)
            setting = Setting(affinity.pin_command(cpus), Watch(cpus), self.log)
        return Client(
            module, run, run["api"], inputs.dataset_folder.absolute(), inputs.model_folder.absolute(),
            self.driving.python.absolute(), setting, scratch,
        )  # fmt: skip

    def _outcome(
        self,
        failure: Failure | None,
        watch: Watch,
        client: Client,
        session: Session | None,
        done: Sweep,
        calibration: dict[str, float | None] | None = None,
    ) -> Outcome:
        clients, engine = client.setting.watch.expected, brings_engine(client.module)
        shared = not engine and bool(clients & watch.expected)
        server = server_facts(self.inputs.run, self.given, self.driving.launch, session, bool(client.module.KEY))
        return Outcome(
            failure,
            watch,
            said=said(self.inputs.run, server["version"], session, done) if session or done.levels else None,
            clients_aside=not shared,
            server=server,
            client={
                "name": self.inputs.run["client"],
                "version": server["version"] if engine else done.version,
                "command": done.command,
                "cpus": sorted(clients),
                "shared_cores": shared,
                "engine": engine,
                "lock_sha256": server["lock_sha256"] if engine else lock_sha256(self.driving.python),
                "calibration": calibration,
            },
        )


def calibrated(driver: Client, server: Setting) -> dict[str, float | None] | None:
    """What the client can do at most on its CPUs, the server that answers at once being on the server's."""
    job = driver.job(LoadLevel("calibration", "closed", concurrency=1), Endpoint({}, driver.run["model"]))
    try:
        return calibrate(driver.module, job, server, driver.setting)
    except CotejoError as error:
        print(f"not calibrated: {error}", file=sys.stderr)
        return None


def left_behind(left: Sequence[str]) -> Failure | None:
    """What stopping the server didn't bring back, by the sentences that tell it."""
    return Failure("leftovers", "after the server was stopped: " + "; ".join(left)) if left else None


def sample_columns(client: ModuleType, name: str) -> list[str]:
    """The samples' columns beyond those that all have: the API's, and the client's own."""
    return list(dict.fromkeys([*api(name).COLUMNS, *client.COLUMNS]))


def said(run: dict[str, Any], version: str | None, session: Session | None, done: Sweep) -> dict[str, Any]:
    """What server and client told, as a measured process in its own words; no session where there was no server."""
    pairs = zip(done.levels, done.counted, strict=True)
    return {
        "levels": [{**level.summary(), "server": counted} for level, counted in pairs],
        "runtime": dict(session.identity.facts) if session else {},
        "versions": {run["server"]: version},
        "modules": [],
        "load_s": session.ready_s if session else None,
        "peak_rss_mib": done.peak_rss_mib,
    }


def server_facts(
    run: dict[str, Any], given: Serving, launch: Path, session: Session | None, keyed: bool
) -> dict[str, Any]:
    """The record's `server`; what isn't known where none became ready is None."""
    server = server_module(run["server"])
    return {
        "name": run["server"],
        # Known for a repeat that failed too, which else would be told apart from the whole ones.
        "version": session.identity.version if session else read_json(launch)["version"],
        "command": session.command if session else [],
        "environment": server.STACK,
        "image": given.image and given.image.name,
        **({"image_sha256": given.image.sha256} if given.image else {}),
        "lock_sha256": None if given.image else lock_sha256(given.python),
        "stand_in": server.STAND_IN,
        "key": keyed and server.KEY is not None,
        "ready_s": session.ready_s if session else None,
        "model_served": session.endpoint.model if session else None,
        "prepared": prepared_files(given.prepared),
        "launch_sha256": sha256_of(launch),
    }
