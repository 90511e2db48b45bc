"""How vLLM is started, what it must serve, and what its counters are; the real one is an integration test."""

from pathlib import Path

import pytest
from canned_server import canned

from cotejo.errors import CotejoError
from cotejo.servers import vllm
from cotejo.servers.interface import Endpoint, Job
from cotejo.servers.vllm_process import groups

METRICS = (Path(__file__).parents[1] / "fixtures" / "vllm-metrics.txt").read_text()
RUN = {
    "model": "small", "architecture": "llama", "server": "vllm", "client": "cotejo", "device": "cpu", "split": None,
    "accelerators": 0, "weights": "synthetic", "precision": "fp32", "compute_precision": "f32", "new_tokens": 9,
    "seed": 5, **vllm.OPTIONS,
}  # fmt: skip
ENDPOINT = Endpoint({"http": 8123}, "small", "a-secret")


def launched(folder: Path, **settings) -> tuple[list[str], dict[str, str]]:
    run = RUN | settings
    vllm.check(run)
    launch = vllm.launch(Job(run, folder, folder, folder, Path("/env/bin/python"), 4, folder / "scratch"), ENDPOINT)
    return list(launch.command), dict(launch.environment)


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def test_cpu_ranks_are_bound_by_a_process_of_ours_and_nothing_but_this_machine_can_reach_them(tmp_path):
    command, environment = launched(tmp_path, cpu_ranks=2)
    assert command[:7] == [
        "/env/bin/python", "-m", "cotejo.servers.vllm_process", "2", "vllm.entrypoints.cli.main", "serve",
        str(tmp_path),
    ]  # fmt: skip
    assert (option(command, "--host"), option(command, "--port")) == ("127.0.0.1", "8123")
    assert option(command, "--tensor-parallel-size") == "2" and option(command, "--dtype") == "float32"
    assert option(command, "--kv-cache-memory-bytes") == str(4 * 2**30)
    assert environment["VLLM_HOST_IP"] == "127.0.0.1"
    assert environment["GLOO_SOCKET_IFNAME"] == environment["NCCL_SOCKET_IFNAME"] == "lo"
    assert environment["VLLM_NO_USAGE_STATS"] == environment["VLLM_DO_NOT_TRACK"] == "1"
    assert "a-secret" not in " ".join([*command, *environment.values()])


def test_gpus_are_divided_by_vllm_itself_and_lend_it_their_memory(tmp_path):
    half = {"precision": "fp16", "compute_precision": "f16"}
    command, _ = launched(tmp_path, device="cuda", accelerators=4, split="tensor_parallel", **half)
    assert command[:4] == ["/env/bin/python", "-m", "vllm.entrypoints.cli.main", "serve"]
    assert option(command, "--tensor-parallel-size") == "4" and option(command, "--dtype") == "float16"
    assert "--kv-cache-memory-bytes" not in command


def test_several_ranks_are_confined_where_what_confines_them_could_be_compiled(tmp_path):
    job = Job(RUN | {"cpu_ranks": 2}, tmp_path, tmp_path, tmp_path, Path("/env/bin/python"), 4, tmp_path / "scratch")
    vllm.prepare(job)
    assert (tmp_path / "listen_only.c").is_file()
    (tmp_path / "listen_only.so").touch()
    told = vllm.launch(job, ENDPOINT).environment
    assert (told["LD_PRELOAD"], told["COTEJO_LISTEN_ADDRESS"]) == (str(tmp_path / "listen_only.so"), "127.0.0.1")
    alone = tmp_path / "alone"
    alone.mkdir()
    job = Job(RUN, alone, alone, alone, Path("/env/bin/python"), 4, alone / "scratch")
    vllm.prepare(job)
    assert not list(alone.iterdir()) and "LD_PRELOAD" not in vllm.launch(job, ENDPOINT).environment


def test_options_reach_the_command_line(tmp_path):
    command, _ = launched(tmp_path, eager=True, load_format="dummy", context_tokens=512, kv_cache_gib=0.5)
    assert "--enforce-eager" in command and option(command, "--load-format") == "dummy"
    assert option(command, "--max-model-len") == "512" and option(command, "--kv-cache-memory-bytes") == str(2**29)
    assert "--enforce-eager" not in launched(tmp_path)[0]


@pytest.mark.parametrize(("client", "cached"), [("cotejo", True), ("hey", False), ("ab", False)])
def test_clients_that_repeat_one_request_find_no_cache(tmp_path, client, cached):
    assert ("--no-enable-prefix-caching" not in launched(tmp_path, client=client)[0]) == cached


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"executor": "ray"}, "executor: ray: vLLM takes Ray for GPUs alone"),
        ({"device": "cuda", "accelerators": 2, "nodes": 2}, "executor: mp: .*one machine alone"),
        ({"split": "instances"}, "split: instances: vllm divides a model by tensor_parallel alone"),
        ({"device": "cuda", "accelerators": 1, "cpu_ranks": 2}, "cpu_ranks: 2: is for a CPU"),
        ({"weights": "hub", "load_format": "dummy"}, "load_format: dummy: .* weights: synthetic"),
        ({"compute_precision": "bf16"}, "compute_precision: bf16"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(tmp_path, settings, message):
    with pytest.raises(CotejoError, match=message):
        launched(tmp_path, **settings)


def test_answers_get_their_length_from_fields_of_vllms_own():
    assert vllm.request_fields(RUN) == {"min_tokens": 9, "ignore_eos": True}
    assert vllm.request_fields(RUN | {"architecture": "llava"})["add_special_tokens"] is True


def test_it_is_right_once_it_lists_the_model_and_gives_a_first_token():
    answers = {
        "/v1/models": {"data": [{"id": "small", "root": "/models/small", "max_model_len": 2048}]},
        "/version": {"version": "0.32.0"},
        "/v1/completions": {"choices": [{"text": "x"}]},
    }
    with canned(answers) as server:
        identity = vllm.identify(server.endpoint("small", "a-secret"))
        assert identity is not None and identity.version == "0.32.0"
        assert identity.facts == {"root": "/models/small", "context_tokens": 2048}
        assert [path for _, path, _, _ in server.asked] == ["/v1/models", "/version", "/v1/completions"]
        assert all(headers["Authorization"] == "Bearer a-secret" for _, _, headers, _ in server.asked)
        with pytest.raises(CotejoError, match="serves small, not large"):
            vllm.identify(server.endpoint("large"))
        server.answers["/v1/completions"] = (500, "out of memory")
        with pytest.raises(CotejoError, match="HTTP 500: out of memory"):
            vllm.identify(server.endpoint("small"))


def test_counters_are_those_of_a_real_page():
    with canned({"/metrics": METRICS}) as server:
        counted = vllm.counters(server.endpoint("small"))
    assert counted["requests"] == 4 and counted["failed_requests"] == 0
    assert counted["tokens_in"] == 2 + 3 * 77 and counted["tokens_out"] == 1 + 3 * 16
    assert 0 < counted["queue_s"] < counted["compute_s"] < counted["inference_s"]


def test_counters_of_a_server_that_is_gone_are_an_error():
    with canned({"/metrics": (500, "")}) as server, pytest.raises(CotejoError, match="/metrics: no answer"):
        vllm.counters(server.endpoint("small"))


def test_cpus_are_grouped_by_neighbours():
    assert groups({7, 4, 5, 6}, 2) == [[4, 5], [6, 7]]
    assert groups({3, 1}, 1) == [[1, 3]]


@pytest.mark.parametrize(("cpus", "ranks"), [({0, 1, 2}, 2), ({0}, 2)])
def test_cpus_that_do_not_divide_are_refused(cpus, ranks):
    with pytest.raises(SystemExit, match="cpu_ranks: 2: can't divide"):
        groups(cpus, ranks)
