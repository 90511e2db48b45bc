"""A server's launch: with one that misbehaves, and with a real one whose answer is held against PyTorch's."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from exporting import CATALOGUE
from serving_bench import SERVED, ServingBench

from cotejo.apis import api
from cotejo.files import sha256_of_folder, write_json
from cotejo.golden import checked
from cotejo.launch import launch, prepare
from cotejo.models.synthetic import write_model
from cotejo.places import Stack
from cotejo.repeat import Inputs
from cotejo.serving import Serving, serving

pytestmark = pytest.mark.beside

MODEL = "tinyllama-1.1b-chat"


def launched(bench: ServingBench, **changes) -> dict:
    command, environment = bench.command(**changes)
    command[1] = str(Path(__file__).with_name("launching_server.py"))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    bench.prove_nothing_runs()
    return json.loads(done.stdout)


def test_a_launch_tells_what_the_server_is_and_leaves_nothing(serving_bench):
    told = launched(serving_bench)
    assert (told["status"], told["version"], told["golden"]) == ("ok", "1.2.3", None)  # a stand-in has no golden answer
    assert told["facts"]["model"] == "llama"
    assert told["prepared"].keys() == {"fake.json"}
    assert told["ready_s"] > 0
    assert told["line"].startswith("FAKE=yes")
    assert told["line"].rstrip().endswith("8000 8001")


@pytest.mark.parametrize(
    ("behave", "reason", "message"),
    [
        ("missing", "server-missing", "no-such-server: there is no such program"),
        ("exit", "server-exited", "ValueError: no such layer"),
        ("wrong", "wrong-model", "serves another model than llama"),
        ("die:0", "server-died", "it ended when it was asked: RuntimeError: the engine has died"),
        ("refuse:0", "golden", "HTTP 500"),
        ("garbage:0", "golden", "AnswerError"),
        ("exposed", "error", "it listens on 0.0.0.0, where other machines can reach it"),
    ],
)
def test_a_launch_that_fails_is_a_result(serving_bench, behave, reason, message):
    told = launched(serving_bench, behave=behave)
    assert (told["status"], told["reason"], told["golden"]) == ("failed", reason, None)
    assert message in told["message"]


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> tuple[Inputs, Serving]:
    """A small Llama, behind transformers' own server."""
    folder = tmp_path_factory.mktemp("real")
    write_model(folder / "model", MODEL, CATALOGUE[MODEL], "small", seed=0, headers_only=False)
    (folder / "dataset").mkdir()
    (folder / "dataset" / "a.txt").write_text("What is the capital of France?")
    item = {"file": "a.txt", "text": "What is the capital of France?"}
    files = sha256_of_folder(folder / "dataset")
    write_json(
        folder / "dataset" / "dataset.json", {"dataset": "d", "kind": "prompts", "items": [item], "files": files}
    )
    run = {**SERVED, "model": MODEL, "api": "openai-chat", "new_tokens": 8, "ready_timeout_s": 60}
    inputs = Inputs(run, 1, folder / "model", folder / "dataset", None, None)
    given = serving(folder / "prepared", Stack(Path(sys.executable)))
    prepare(inputs, given)
    return inputs, given


def test_a_real_servers_answer_is_pytorchs_and_not_that_of_other_weights(real, tmp_path):
    inputs, given = real
    told = launch(inputs, given, 1e-4, tmp_path / "log", tmp_path / "scratch")
    assert told["message"] is None
    assert told["golden"]["tokens"] == told["golden"]["most_likely"] == 8

    other = tmp_path / "other"
    write_model(other, MODEL, CATALOGUE[MODEL], "small", seed=1, headers_only=False)
    item = next(api(inputs.run["api"]).items(inputs.run, inputs.dataset_folder, inputs.model_folder))
    found = checked(inputs.run["api"], "llama", item, told["golden"]["answer"], other, 8, 1e-4)
    assert found["status"] == "failed"
    assert found["message"].startswith("after 0 tokens PyTorch goes on with ")
