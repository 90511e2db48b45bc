"""TGI and its stand-in: how they are launched, who they say they are, and what they have counted."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from canned_server import canned

from cotejo.errors import CotejoError
from cotejo.servers import confined, tgi, tgi_stand_in
from cotejo.servers.interface import Endpoint, Job
from cotejo.servers.tgi_stand_in_model import Growing

INFO = {"model_id": "/prepared/llama-2-7b-chat", "version": "3.3.6", "sha": "abc", "model_dtype": "torch.float16"}
PAGE = """# TYPE tgi_request_count counter
tgi_request_count 7
tgi_request_success 4
tgi_request_failure{err="overloaded"} 2
tgi_request_failure{err="validation"} 1
tgi_request_duration_sum 8.5
tgi_request_duration_count 4
tgi_request_queue_duration_sum 1.5
tgi_request_inference_duration_sum 6.5
tgi_request_generated_tokens_sum 400
tgi_request_input_length_sum 48
"""


def job(folder: Path, **settings: Any) -> Job:
    model = folder / "model"
    model.mkdir()
    for name in ("config.json", "model.safetensors", ".hidden"):
        (model / name).touch()
    (folder / "prepared").mkdir()
    run = {
        "model": "llama-2-7b-chat", "client": "ab", "device": "cuda", "accelerators": 2, "split": "tensor_parallel",
        "precision": "bf16", "compute_precision": "device-default", "server": "tgi", "max_concurrent_requests": 2000,
        **settings,
    }  # fmt: skip
    return Job(run, model, model, folder / "prepared", Path(sys.executable), 2, folder / "scratch")


ENDPOINT = Endpoint({"http": 3000, "shards": 3001, "prometheus": 3002}, "llama-2-7b-chat", "sesame")


def test_launch_has_the_flags_of_the_published_guide(tmp_path: Path) -> None:
    made = job(tmp_path)
    tgi.prepare(made)
    (made.prepared / confined.LIBRARY).touch()  # where there is no compiler
    launch = tgi.launch(made, ENDPOINT)
    model = made.prepared / "llama-2-7b-chat"
    assert sorted(file.name for file in model.iterdir()) == ["config.json", "model.safetensors"]
    assert list(launch.command) == [
        "text-generation-launcher", "--model-id", str(model), "--max-concurrent-requests", "2000", "--dtype",
        "bfloat16", "--hostname", "127.0.0.1", "--port", "3000", "--num-shard", "2",
    ]  # fmt: skip
    assert launch.environment["MASTER_PORT"] == "3001" and launch.environment["PREFIX_CACHING"] == "0"
    assert "sesame" not in " ".join([*launch.command, *launch.environment.values()])


def test_only_a_client_of_one_request_turns_the_prefix_cache_off(tmp_path: Path) -> None:
    assert "PREFIX_CACHING" not in tgi.launch(job(tmp_path, accelerators=1, client="cotejo"), ENDPOINT).environment


def test_shards_meet_where_no_other_machine_reaches_them(tmp_path: Path) -> None:
    made = job(tmp_path)
    with pytest.raises(CotejoError, match=r"split: tensor_parallel: can't be confined to one network interface"):
        tgi.launch(made, ENDPOINT)
    (made.prepared / confined.LIBRARY).touch()
    told = tgi.launch(made, ENDPOINT).environment
    assert (told["LD_PRELOAD"], told["COTEJO_LISTEN_ADDRESS"]) == (
        str(made.prepared / "listen_only.so"),
        "127.0.0.1",
    )
    (tmp_path / "one").mkdir()
    assert "LD_PRELOAD" not in tgi.launch(job(tmp_path / "one", accelerators=1, split=None), ENDPOINT).environment


def test_other_splits_than_tensors_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CotejoError, match="split: instances: "):
        tgi.check(job(tmp_path, split="instances").run)


def test_stand_in_takes_the_same_flags(tmp_path: Path) -> None:
    made = job(tmp_path, device="cpu", precision="fp32")
    command = list(tgi_stand_in.launch(made, ENDPOINT).command)
    assert command[:3] == [sys.executable, "-m", "cotejo.servers.tgi_stand_in_process"]
    assert command[3:] == tgi.flags(made, ENDPOINT)
    assert tgi_stand_in.STAND_IN and not tgi.STAND_IN


def endpoint(port: int) -> Endpoint:
    return Endpoint({"http": port}, "llama-2-7b-chat")


def test_it_says_who_it_is_once_it_is_healthy() -> None:
    assert tgi.identify(endpoint(1)) is None
    with canned({"/health": (503, '{"error": "unhealthy"}')}) as server:
        assert tgi.identify(endpoint(server.port)) is None
    with canned({"/health": (200, ""), "/info": (200, json.dumps(INFO))}) as server:
        identity = tgi.identify(endpoint(server.port))
    assert identity is not None and identity.version == "3.3.6" and identity.facts["model_dtype"] == "torch.float16"


@pytest.mark.parametrize(
    ("info", "problem"),
    [({**INFO, "model_id": "/models/gpt2"}, "model_id: /models/gpt2: "), ({"object": "list"}, "TGI, but another")],
)
def test_another_model_or_server_is_an_error(info: dict[str, Any], problem: str) -> None:
    with (
        canned({"/health": (200, ""), "/info": (200, json.dumps(info))}) as server,
        pytest.raises(CotejoError) as raised,
    ):
        tgi.identify(endpoint(server.port))
    assert problem in str(raised.value)


def test_counters() -> None:
    with canned({"/metrics": (200, PAGE)}) as server:
        assert tgi.counters(endpoint(server.port)) == {
            "requests": 4, "failed_requests": 3, "tokens_in": 48, "tokens_out": 400, "queue_s": 1.5, "compute_s": 6.5,
            "inference_s": 8.5,
        }  # fmt: skip
    with pytest.raises(CotejoError, match="no answer"):
        tgi.counters(endpoint(1))


class Bytes:
    """A tokenizer whose tokens are bytes."""

    def decode(self, tokens: list[int]) -> str:
        return bytes(tokens).decode(errors="replace")


def test_text_grows_by_whole_characters() -> None:
    text = "añ€b"
    growing = Growing(Bytes())
    parts = [growing.add(byte) for byte in text.encode()]
    assert parts == ["a", "", "ñ", "", "", "€", "b"]
