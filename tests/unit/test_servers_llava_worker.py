"""How the LLaVA worker is started, from a model in its authors' layout; the real one is an integration test."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from canned_server import canned

from cotejo.code import SCRIPTS
from cotejo.errors import CotejoError
from cotejo.files import read_json
from cotejo.models.catalogue import read_entry
from cotejo.models.synthetic import write_model
from cotejo.ports import free_ports
from cotejo.repairs.llava import SOURCE_DIGEST, source_digest
from cotejo.servers import llava_worker, llava_worker_folder
from cotejo.servers.interface import Endpoint, Job

MODEL = "llava-1.5-7b"
RUN = {
    "model": MODEL, "server": "llava-worker", "device": "cpu", "split": None, "precision": "fp16",
    "compute_precision": "f16", "new_tokens": 12, "worker_concurrency": 5,
}  # fmt: skip


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / MODEL
    write_model(folder, MODEL, read_entry(SCRIPTS.parent / "config" / "models.yaml", MODEL), "small", 0, False)
    return folder


@pytest.fixture(scope="module")
def written(model_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared") / "llava-v1.5-7b"
    llava_worker_folder.write(model_folder, folder, 12)
    return folder


def test_every_weight_is_there_under_the_authors_name(model_folder, written):
    from safetensors.numpy import load_file

    original = load_file(model_folder / "model.safetensors")
    decoder, vision = load_file(written / "model.safetensors"), load_file(written / "clip" / "model.safetensors")
    assert len(decoder) + len(vision) == len(original)
    for theirs, ours, part in (
        ("model.layers.3.mlp.up_proj.weight", "language_model.model.layers.3.mlp.up_proj.weight", decoder),
        ("model.mm_projector.0.bias", "multi_modal_projector.linear_1.bias", decoder),
        ("model.mm_projector.2.weight", "multi_modal_projector.linear_2.weight", decoder),
        ("vision_model.embeddings.class_embedding", "vision_tower.vision_model.embeddings.class_embedding", vision),
    ):
        np.testing.assert_array_equal(part[theirs], original[ours])
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        np.testing.assert_array_equal(decoder[name], original[f"language_model.{name}"][:32000])


def test_configuration_says_what_the_models_own_says(model_folder, written):
    config, theirs = read_json(model_folder / "config.json"), read_json(written / "config.json")
    text = config["text_config"]
    for key in ("hidden_size", "intermediate_size", "num_hidden_layers", "num_key_value_heads", "rope_theta"):
        assert theirs[key] == text[key]
    assert (theirs["vocab_size"], theirs["mm_vision_tower"], theirs["mm_vision_select_layer"]) == (32000, "clip", -2)
    assert theirs["mm_hidden_size"] == config["vision_config"]["hidden_size"]
    assert read_json(written / "clip" / "config.json")["image_size"] == config["vision_config"]["image_size"]
    generation = read_json(written / "generation_config.json")
    assert (generation["min_new_tokens"], generation["max_new_tokens"], generation["do_sample"]) == (12, 12, False)


def test_tokenizer_is_the_same_but_for_the_tokens_that_transformers_adds(model_folder, written):
    original, theirs = read_json(model_folder / "tokenizer.json"), read_json(written / "tokenizer.json")
    assert [token["content"] for token in theirs["added_tokens"]] == ["<unk>", "<s>", "</s>"]
    assert theirs["model"]["vocab"] == original["model"]["vocab"]
    assert all(isinstance(pair, str) and pair.count(" ") == 1 for pair in theirs["model"]["merges"])
    assert read_json(written / "tokenizer_config.json")["pad_token"] == "<unk>"


def test_published_models_tokenizer_is_its_sentencepiece_file(tmp_path):
    model, folder = tmp_path / "model", tmp_path / "folder"
    model.mkdir()
    folder.mkdir()
    (model / "tokenizer.model").write_bytes(b"pieces")
    added = {"2": {"content": "</s>"}, "32000": {"content": "<image>"}}
    settings = {"unk_token": "<unk>", "pad_token": "<pad>", "added_tokens_decoder": added, "processor_class": "P"}
    (model / "tokenizer_config.json").write_text(json.dumps(settings))
    llava_worker_folder.write_tokenizer(model, folder, 32000)
    assert (folder / "tokenizer.model").read_bytes() == b"pieces" and not (folder / "tokenizer.json").exists()
    assert read_json(folder / "tokenizer_config.json") == {
        "unk_token": "<unk>", "pad_token": "<unk>", "added_tokens_decoder": {"2": {"content": "</s>"}},
    }  # fmt: skip


def test_weights_in_several_files_stay_so_with_an_index(model_folder, written, tmp_path):
    from safetensors.numpy import load_file, save_file

    parts = tmp_path / "parts"
    parts.mkdir()
    for file in model_folder.iterdir():
        if file.suffix != ".safetensors":
            (parts / file.name).symlink_to(file)
    tensors = sorted(load_file(model_folder / "model.safetensors").items())
    for number in (1, 2):
        save_file(dict(tensors[number - 1 :: 2]), parts / f"model-0000{number}-of-00002.safetensors")
    folder = tmp_path / "folder"
    llava_worker_folder.write(parts, folder, 12)
    for place in (folder, folder / "clip"):
        files = read_json(place / "model.safetensors.index.json")["weight_map"]
        found = {name: file.name for file in place.glob("*.safetensors") for name in load_file(file)}
        assert files == found
    assert set(files) == set(load_file(written / "clip" / "model.safetensors"))


def test_controller_and_worker_are_one_launch(tmp_path):
    job = Job(RUN, tmp_path, tmp_path, tmp_path / "prepared", Path("/env/bin/python"), 2, tmp_path / "scratch")
    launch = llava_worker.launch(job, Endpoint({"http": 8123, "controller": 8124}, MODEL))
    assert launch.command == [
        "/env/bin/python", "-m", "cotejo.servers.llava_worker_process", "--model",
        str(tmp_path / "prepared" / "llava-v1.5-7b"), "--name", MODEL, "--device", "cpu", "--port", "8123",
        "--controller-port", "8124", "--limit", "5", "--scratch", str(tmp_path / "scratch"),
        "--source", SOURCE_DIGEST,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "vicuna-7b"}, "model: vicuna-7b: the LLaVA worker goes by a model's name"),
        ({"model": "llava-mistral-7b"}, "goes by a model's name"),
        ({"new_tokens": 1025}, "new_tokens: 1025: the LLaVA worker gives 1024 at most"),
        ({"compute_precision": "f32"}, "compute_precision: f32"),
        ({"split": "tensor_parallel"}, "split: tensor_parallel"),
    ],
)
def test_what_the_worker_cannot_is_refused(settings, message):
    llava_worker.check(RUN)
    with pytest.raises(CotejoError, match=message):
        llava_worker.check(RUN | settings)


@pytest.mark.parametrize(
    ("model", "name"),
    [(MODEL, "llava-v1.5-7b"), ("llava-v1.5-13b", "llava-v1.5-13b"), ("my-llava", "llava-v1.5-my-llava")],
)
def test_folder_has_the_name_that_the_authors_programs_go_by(model, name):
    assert llava_worker.folder_name(model) == name


def test_it_is_right_once_worker_and_controller_know_the_model():
    with canned({"/worker_get_status": {"model_names": [MODEL]}, "/list_models": {"models": []}}) as server:
        endpoint = server.endpoint(MODEL, None, "controller")
        assert llava_worker.identify(endpoint) is None
        server.answers["/list_models"] = {"models": [MODEL]}
        identity = llava_worker.identify(endpoint)
        assert identity is not None and identity.facts["commit"].startswith("c121f04")
        server.answers["/worker_get_status"] = {"model_names": ["another"]}
        with pytest.raises(CotejoError, match=r"serves \['another'\], not llava"):
            llava_worker.identify(endpoint)


CONTROLLER = """
import sys, http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""
LASTING = "import time, pathlib; pathlib.Path('worker-runs').touch(); time.sleep(60)"


def started(folder: Path, worker: str, source: str | None = None) -> "subprocess.Popen[bytes]":
    """The process, with programs of our own in place of LLaVA's."""
    serve = folder / "llava" / "serve"
    serve.mkdir(parents=True)
    (folder / "llava" / "__init__.py").touch()
    (serve / "controller.py").write_text(CONTROLLER)
    (serve / "model_worker.py").write_text(worker)
    (folder / "scratch").mkdir()
    port = free_ports(("controller",))["controller"]
    command = [sys.executable, "-m", "cotejo.servers.llava_worker_process", "--model", str(folder), "--name", MODEL]
    command += ["--device", "cpu", "--port", "1", "--controller-port", str(port), "--limit", "5"]
    command += ["--source", source or source_digest(folder / "llava")]
    environment = {"PYTHONPATH": f"{SCRIPTS}:{folder}"}
    return subprocess.Popen(
        [*command, "--scratch", str(folder / "scratch")],
        env=environment,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def alive_in_session(session: int) -> list[int]:
    """Its processes, but for those that have ended and that nobody has asked after yet."""
    found = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def wait_until(happened: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_worker_that_ends_takes_the_controller_with_it(tmp_path):
    process = started(tmp_path, "import sys; sys.exit(3)")
    assert process.wait(timeout=20) == 3
    assert alive_in_session(process.pid) == []


def test_another_source_than_the_record_will_name_is_refused(tmp_path):
    process = started(tmp_path, LASTING, source=SOURCE_DIGEST)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1 and f"{tmp_path}/llava: is not LLaVA at commit c121f04" in said.decode()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_however_it_is_ended_both_end_and_the_vision_tower_was_in_reach(tmp_path, number, code):
    process = started(tmp_path, LASTING)
    try:
        wait_until(lambda: (tmp_path / "scratch" / "worker-runs").exists())
        assert process.poll() is None
        assert (tmp_path / "scratch" / "clip").readlink() == tmp_path / "clip"
        process.send_signal(number)
        assert process.wait(timeout=20) == code
        wait_until(lambda: alive_in_session(process.pid) == [])
    finally:
        process.kill()
        process.wait()
