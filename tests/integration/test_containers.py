"""Servers in images, from the pull to the record, with a program in Apptainer's place that records what it is told."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import fake_server
import pytest
from apptainer_stand_in import SAYS, can_contain, install
from bench import await_end, pids_in
from serving_bench import SERVED

from cotejo import measure_server, ownership
from cotejo.code import SCRIPTS
from cotejo.files import sha256_of, sha256_of_folder, write_json
from cotejo.images import Image, facts_file
from cotejo.launch import prepare
from cotejo.places import server_stack
from cotejo.pull import FOLDER
from cotejo.record import read
from cotejo.repeat import Inputs
from cotejo.servers.interface import Job, Launch
from cotejo.serving import Driving, prepared_files, serving
from cotejo.session import server_command

pytestmark = pytest.mark.beside

DIGEST = "0123456789abcdef" * 4
# What a program sees of a folder, and whether it may write there.
LOOK = """
import json, os, sys
there = sorted(os.listdir(sys.argv[1]))
writable = [name for name in there if os.access(f"{sys.argv[1]}/{name}", os.W_OK)]
told = {"there": there, "writable": writable, "home": os.environ["HOME"], "cwd": os.getcwd()}
print(json.dumps({**told, "variables": sorted(os.environ)}))
"""
NAME = f"docker://nvcr.io/fake@sha256:{DIGEST}"


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An image's file, on a machine that has the stand-in for Apptainer."""
    file = install(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv(SAYS, str(tmp_path / "said"))
    return file


def said(folder: Path) -> list[dict[str, Any]]:
    """What the stand-in was told, each time it was started."""
    return [json.loads(line) for line in (folder / "said").read_text().splitlines()]


def in_image(file: Path) -> dict[str, Any]:
    return {"image": list(map(str, Image(NAME, file, DIGEST)))}


def test_a_server_in_an_image_is_measured_as_any_other(serving_bench, image):
    record = serving_bench.measure(told=in_image(image), concurrency=1)
    assert (record["status"], record["message"]) == ("ok", None)
    server = record["server"]
    assert (server["image"], server["image_sha256"], server["lock_sha256"]) == (NAME, DIGEST, None)
    [told] = said(serving_bench.folder)
    place = server["command"].index("apptainer")
    assert server["command"][0] == "numactl"
    assert server["command"][place + 1 :] == told["command"][1:]
    assert told["carried"]["APPTAINERENV_FAKE"] == "yes"
    key = told["carried"]["APPTAINERENV_FAKE_SERVER_KEY"]
    assert key and key not in json.dumps(record) and key not in json.dumps(told["command"])
    assert key not in serving_bench.output.with_suffix(".log").read_text()
    # As outside: asked to end, and seen on its CPUs alone.
    assert record["process"]["exit_code"] == -signal.SIGTERM
    assert record["affinity"]["expected_cpus"] == record["affinity"]["observed_cpus"]


def test_a_launch_in_an_image_tells_what_the_server_is(serving_bench, image):
    command, environment = serving_bench.command(told=in_image(image))
    command[1] = str(Path(__file__).with_name("launching_server.py"))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    serving_bench.prove_nothing_runs()
    told = json.loads(done.stdout)
    assert (told["status"], told["version"], told["facts"]["model"]) == ("ok", "1.2.3", "llama")
    assert "APPTAINERENV_FAKE=yes" in told["line"] and f"{image} {sys.executable}" in told["line"]
    assert "apptainer" in told["command"]


def test_a_killed_measurement_takes_its_server_with_it_and_its_other_processes_bear_its_mark(serving_bench, image):
    process = serving_bench.start(told=in_image(image), behave="hang", concurrency=1)
    started = pids_in(serving_bench.pids, process)
    process.kill()
    process.communicate(timeout=30)
    await_end(started[:1])
    ended, remaining = ownership.end_leftovers()
    assert set(started[1:]) <= {each.process for each in ended}
    assert remaining == [] and not serving_bench.output.exists()


def test_a_client_that_holds_the_engine_runs_in_the_image(serving_bench, image):
    record = serving_bench.measure(told=in_image(image), client="fake-engine", load="offline")
    assert (record["status"], record["message"]) == ("ok", None)
    [told] = said(serving_bench.folder)
    assert told["command"][1] == "exec"
    assert record["client"]["command"] == record["command"]
    assert record["server"]["image"] == NAME


MODEL = "tinyllama-1.1b-chat"
REAL = {
    **SERVED, "model": MODEL, "server": "tgi-stand-in", "api": "tgi-generate", "max_concurrent_requests": 4,
    "compute_precision": "f32", "concurrency": 1, "request_timeout_s": 20, "ready_timeout_s": 60, "duration_s": 1.0,
}  # fmt: skip


def test_a_real_one_from_the_pull_to_the_record(tmp_path, model_folder, image, monkeypatch):
    """A stand-in of TGI, pulled, rendered and measured, by what config says alone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(FOLDER, str(tmp_path / "shared"))
    monkeypatch.setattr(measure_server, "calibrate", lambda *arguments: None)  # which takes seconds
    pull = [sys.executable, str(SCRIPTS / "pull_image.py"), NAME, "--output", str(facts_file(NAME))]
    subprocess.run(pull, check=True, stdout=subprocess.DEVNULL)
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "a.txt").write_text("Why is it so?")
    item, files = {"file": "a.txt", "text": "Why is it so?"}, sha256_of_folder(tmp_path / "dataset")
    write_json(
        tmp_path / "dataset" / "dataset.json",
        {"dataset": "prompts", "kind": "prompts", "items": [item], "files": files},
    )
    inputs = Inputs(REAL, 1, model_folder(MODEL), tmp_path / "dataset", None, None)
    config = {"tgi-stand-in": {"image": NAME, "python": sys.executable}}
    given = serving(tmp_path / "prepared", server_stack(REAL, config))

    line = prepare(inputs, given)
    assert "APPTAINERENV_PYTHONPATH=" in line and f"{tmp_path}/shared/fake-0123456789ab/image.sif" in line
    launched = {"status": "ok", "run": REAL["digest"], "prepared": prepared_files(given.prepared), "version": None}
    write_json(tmp_path / "launch.json", launched)
    driving = Driving(tmp_path / "launch.json", Path(sys.executable))
    output = tmp_path / "records" / "r1.json"
    measure_server.measure(inputs, given, driving, output, tmp_path / "server.log", tmp_path / "lock")
    record = read(output)
    assert (record["status"], record["message"]) == ("ok", None), (tmp_path / "server.log").read_text()
    assert record["levels"][0]["requests"] > 0 and record["levels"][0]["failed_requests"] == 0
    assert record["server"]["image"] == NAME
    assert record["server"]["image_sha256"] == sha256_of(tmp_path / "shared" / "fake-0123456789ab" / "image.sif")
    assert [each["command"][1] for each in said(tmp_path)] == ["pull", "exec"]


@pytest.mark.skipif(not can_contain(), reason="a root of one's own needs root and namespaces")
def test_it_sees_nothing_but_what_is_bound_and_writes_where_it_may(tmp_path, image):
    for name in ("model", "prepared", "scratch", "compiled", "secrets"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    run = {"model": "m", "device": "cpu", "accelerators": 0}
    paths = [tmp_path / name for name in ("model", "prepared")]
    job = Job(run, paths[0], *paths, Path(sys.executable), 2, tmp_path / "scratch", contained=True)
    launch = Launch([sys.executable, "-c", LOOK, str(tmp_path)], writes=[tmp_path / "compiled"])
    found = Image(NAME, image, DIGEST)
    command, environment = server_command(fake_server, job, launch, "a-key", found)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout)
    assert seen["there"] == ["compiled", "model", "prepared", "scratch"]
    assert seen["writable"] == ["compiled", "scratch"]
    assert seen["home"] == seen["cwd"] == str(tmp_path / "scratch")
    assert seen["variables"] == sorted(
        {name.removeprefix("APPTAINERENV_") for name in environment if name.startswith("APPTAINERENV_")}
        | {"HOME", "PATH"}
    )
    assert {"FAKE_SERVER_KEY", "OMP_NUM_THREADS", "PYTHONPATH"} <= set(seen["variables"])
