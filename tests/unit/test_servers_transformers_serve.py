"""How transformers serve is started, and how it is told whom it must be; the real one is an integration test."""

import json
from pathlib import Path

import pytest
from canned_server import canned

from cotejo.errors import CotejoError
from cotejo.servers import transformers_serve
from cotejo.servers.interface import Endpoint, Job
from cotejo.servers.transformers_serve_process import inner_tokenizer

RUN = {
    "model": "small-llama", "server": "transformers-serve", "device": "cpu", "split": None, "precision": "bf16",
    "compute_precision": "bf16", "new_tokens": 12,
}  # fmt: skip


def job_in(folder: Path, **settings) -> Job:
    model = folder / "model"
    for name in (model, folder / "prepared"):
        name.mkdir()
    (model / "config.json").write_text('{"model_type": "llama", "eos_token_id": 2, "vocab_size": 9}')
    for name in ("model.safetensors", "tokenizer.json", "model.json", ".snakemake_timestamp"):
        (model / name).write_text(name)
    return Job(RUN | settings, model, model, folder / "prepared", Path("/env/bin/python"), 2, folder / "scratch")


def test_model_is_served_through_links_with_a_length_of_its_own(tmp_path):
    job = job_in(tmp_path)
    special = {"bos_token_id": 1, "eos_token_id": [2, 3], "pad_token_id": 0}
    (job.model_folder / "generation_config.json").write_text(
        json.dumps(special | {"do_sample": True, "temperature": 0.6})
    )
    transformers_serve.prepare(job)
    folder = job.prepared / "small-llama"
    links = {path.name for path in folder.iterdir() if path.is_symlink()}
    assert links == {"config.json", "model.safetensors", "tokenizer.json"}
    assert (folder / "model.safetensors").resolve() == job.model_folder / "model.safetensors"
    written = json.loads((folder / "generation_config.json").read_text())
    assert written == special | {"do_sample": False, "min_new_tokens": 12, "max_new_tokens": 12}


def test_model_without_a_generation_config_has_its_special_tokens_in_its_configuration(tmp_path):
    job = job_in(tmp_path)
    transformers_serve.prepare(job)
    written = json.loads((job.prepared / "small-llama" / "generation_config.json").read_text())
    assert written == {"eos_token_id": 2, "do_sample": False, "min_new_tokens": 12, "max_new_tokens": 12}


@pytest.mark.parametrize(
    ("settings", "device"),
    [({}, "cpu"), ({"device": "cuda"}, "cuda"), ({"device": "cuda", "split": "device_map"}, "auto")],
)
def test_it_listens_here_alone_and_writes_into_its_scratch_folder(tmp_path, settings, device):
    job = job_in(tmp_path, **settings)
    launch = transformers_serve.launch(job, Endpoint({"http": 8123}, "small-llama"))
    assert launch.command == [
        "/env/bin/python", "-m", "cotejo.servers.transformers_serve_process", "serve",
        str(job.prepared / "small-llama"), "--host", "127.0.0.1", "--port", "8123", "--device", device,
        "--dtype", "bfloat16", "--log-level", "warning",
    ]  # fmt: skip
    assert launch.environment["TMPDIR"] == launch.environment["HF_HUB_CACHE"] == str(job.scratch)


def test_other_splits_are_refused():
    with pytest.raises(CotejoError, match="split: tensor_parallel: transformers-serve divides"):
        transformers_serve.check(RUN | {"split": "tensor_parallel"})
    transformers_serve.check(RUN | {"split": "device_map"})


def test_it_is_right_once_an_answer_names_the_models_folder():
    answers = {"/health": {"status": "ok"}, "/v1/chat/completions": {"model": "/some/where/small-llama@main"}}
    with canned(answers) as server:
        identity = transformers_serve.identify(server.endpoint("small-llama"))
        assert identity is not None and identity.facts["model"] == "/some/where/small-llama@main"
        assert identity.version
        for other in ({"model": "/some/where/other@main"}, {"detail": "?"}, [1]):
            server.answers["/v1/chat/completions"] = other
            with pytest.raises(CotejoError, match="another model than small-llama"):
                transformers_serve.identify(server.endpoint("small-llama"))


def test_streaming_finds_the_tokenizer_of_what_prepares_images():
    class Tokenizer:
        _tokenizer = "inner"

    class Processor:
        tokenizer = Tokenizer()
        _tokenizer = property(inner_tokenizer)

    assert Processor()._tokenizer == "inner"
