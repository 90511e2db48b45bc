"""Runs that have a server: what goes together, what it comes to, and what each mistake is answered with."""

import re
from pathlib import Path
from typing import Any

import pytest
from study_example import BLIP, CHAT, SEEN, TEXT, VIDEO, also, copy_config, load

from cotejo import apis, clients, servers, tasks
from cotejo.errors import CotejoError
from cotejo.load import LoadLevel, levels_of
from cotejo.schema import schema_of
from cotejo.serving_settings import DEFAULTS, serving_keys
from cotejo.study import load_study


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return copy_config(tmp_path)


def only(config: Path, block: str) -> dict[str, Any]:
    """The one run of a study of one block."""
    [run] = load(config, block).runs
    return run


def test_runs_without_a_server_keep_their_ids_and_digests() -> None:
    """Whatever runs with a server come to have: results that lie on disks must be found again."""
    assert {run["id"]: run["digest"] for run in load_study("demo").runs} == {
        "text-optimum_tinyllama-1.1b-chat_prompts_openvino_int8_allc": "cef883a843",
        "text-genai_tinyllama-1.1b-chat_prompts_openvino-genai_int8_1c": "bdccbbd6f1",
        "text-genai_tinyllama-1.1b-chat_prompts_openvino-genai_int8_allc": "74a370a26f",
        "video_yolov8n-seg_street-video_openvino_fp32_allc": "f678387da8",
        "speech_whisper-base_speech_openvino_fp32_allc": "72fd666f12",
        "caption_blip-image-captioning-base_photos_onnxruntime_fp32_allc": "555cf33b26",
    }


def test_an_axis_may_set_a_server_beside_none_at_all(config: Path) -> None:
    plain = only(config, TEXT.replace("openvino, precision: int8", "pytorch"))
    block = also(TEXT.replace("openvino, precision: int8", "pytorch"), "server: [null, transformers-serve], load: open")
    alone, served = load(config, also(block, "rate_rps: 2")).runs
    assert not serving_keys() & alone.keys()
    assert (alone["id"], alone["digest"]) == (plain["id"], plain["digest"])
    assert (served["server"], served["rate_rps"]) == ("transformers-serve", 2)


def test_an_overlay_may_set_what_only_servers_have(config: Path) -> None:
    (config / "overlays" / "busy.yaml").write_text("title: Busy\nset: {concurrency: 1-4, instances: 2}\n")
    chat, blip, video = load(config, f"{CHAT}\n{BLIP}\n{VIDEO}", overlay="busy").runs
    assert (chat["concurrency"], blip["concurrency"], blip["instances"]) == ("1-4", "1-4", 2)
    assert "instances" not in chat
    assert not serving_keys() & video.keys()


def test_a_run_with_a_server_has_every_setting_of_server_client_and_task(config: Path) -> None:
    run = only(config, also(CHAT, "limit_ttft_ms: 200"))
    expected = DEFAULTS | clients.client("cotejo").OPTIONS | servers.server("transformers-serve").OPTIONS
    expected |= {"server": "transformers-serve", "api": "openai-chat", "accelerators": 0, "limit_ttft_ms": 200}
    del expected["rate_rps"], expected["arrival"]
    assert {key: value for key, value in run.items() if key in serving_keys()} == expected
    assert (run["task"], run["format"], run["backend"], run["new_tokens"]) == ("text-generation", None, "pytorch", 64)


def test_a_server_loads_the_export_of_its_backend(config: Path) -> None:
    run = only(config, also(BLIP, "batching: dynamic, max_batch: 16"))
    assert (run["format"], run["api"], run["caption_tokens"]) == ("onnx", "triton-infer", 7)
    assert (run["batching"], run["max_batch"], run["instances"]) == ("dynamic", 16, 1)


def test_models_that_only_servers_can_run(config: Path) -> None:
    run = only(config, SEEN)
    assert (run["task"], run["architecture"], run["dataset"]) == ("visual-question-answering", "llava", "photos")


@pytest.mark.parametrize(("given", "kept"), [("3", 3), ("1-4", "1-4"), ('"4,1,2-3"', "1-4"), ('"1,2,8"', "1-2,8")])
def test_concurrencies_are_written_in_one_way(config: Path, given: str, kept: Any) -> None:
    assert only(config, also(CHAT, f"concurrency: {given}"))["concurrency"] == kept


@pytest.mark.parametrize(("given", "kept"), [("5", 5.0), ("0.5", 0.5), ('"10,1,2.50"', "1,2.5,10"), ('"5,5.0"', 5.0)])
def test_rates_are_written_in_one_way(config: Path, given: str, kept: Any) -> None:
    run = only(config, also(CHAT, f"load: open, rate_rps: {given}"))
    assert run["rate_rps"] == kept
    assert run["arrival"] == "poisson"
    assert "concurrency" not in run


def test_levels_are_those_of_the_settings(config: Path) -> None:
    closed = only(config, also(CHAT, 'concurrency: "1-2,8"'))
    assert [level.name for level in levels_of(closed)] == ["concurrency-1", "concurrency-2", "concurrency-8"]
    both = only(config, also(CHAT, 'load: open, rate_rps: "0.5,2", arrival: constant'))
    assert levels_of(both) == [
        LoadLevel("rate-0.5", "open", rate_rps=0.5, arrival="constant"),
        LoadLevel("rate-2", "open", rate_rps=2.0, arrival="constant"),
    ]


@pytest.mark.parametrize(
    "changed",
    [
        "concurrency: 2", "concurrency: 1-4", "load: open, rate_rps: 1", "load: open, rate_rps: 1, arrival: constant",
        "client_cores: 1", "limit_ttft_ms: 100", "shared_prefix_tokens: 8", "new_tokens: 8", "client: hey",
        "ready_timeout_s: 60", "timeout_s: 4000", "stream: false",
    ],
)  # fmt: skip
def test_every_setting_counts_in_the_digest(config: Path, changed: str) -> None:
    assert only(config, also(CHAT, changed))["digest"] != only(config, CHAT)["digest"]


def test_what_is_given_as_it_would_be_anyway_changes_nothing(config: Path) -> None:
    usual = "client: cotejo, api: openai-chat, load: closed, concurrency: 1, client_cores: rest, split: null"
    assert only(config, also(CHAT, usual))["digest"] == only(config, CHAT)["digest"]


@pytest.mark.parametrize(
    ("block", "name"),
    [
        (CHAT, "chat_tinyllama-1.1b-chat_prompts_pytorch_fp32_allc_transformers-serve_cotejo_closed1"),
        (also(CHAT, 'concurrency: "1-2,8"'), "…_transformers-serve_cotejo_closed1-2.8"),
        (also(CHAT, 'load: open, rate_rps: "1,2.5"'), "…_transformers-serve_cotejo_open1-2.5"),
        (also(CHAT, "load: open, rate_rps: 5, arrival: constant"), "…_transformers-serve_cotejo_open5_constant"),
        (also(CHAT, "client: hey, client_cores: 1"), "…_transformers-serve_hey_closed1_client1c"),
        (
            also(BLIP, "device: cuda, accelerators: 2, split: instances, batching: dynamic"),
            "blip_blip-image-captioning-base_photos_onnxruntime_fp32_allc_triton_cotejo_closed1_cuda_accelerators2"
            "_instances_dynamic",
        ),
        (also(BLIP, "device: cuda, duration_s: 5, limit_latency_ms: 50"), "…_triton_cotejo_closed1_cuda"),
    ],
)
def test_ids_name_server_client_and_load(config: Path, block: str, name: str) -> None:
    run_id = only(config, block)["id"]
    assert re.fullmatch(schema_of("record")["properties"]["run"]["properties"]["id"]["pattern"], run_id)
    assert run_id == name if not name.startswith("…") else run_id.endswith(name[1:])


@pytest.mark.parametrize("server", servers.SERVERS)
def test_every_server_can_be_asked_for_what_it_serves(server: str) -> None:
    module = servers.server(server)
    able = {task for name in module.APIS for task in apis.api(name).TASKS}
    for formats in module.BACKENDS.values():
        for architecture in formats:
            assert any(architecture in tasks.task(task).ARCHITECTURES for task in able), architecture


@pytest.mark.parametrize("client", clients.CLIENTS)
def test_every_client_can_ask_some_server(client: str) -> None:
    spoken = {name for server in servers.SERVERS for name in servers.server(server).APIS}
    assert spoken & set(clients.client(client).APIS)


VLLM = (
    "- {name: bench, model: tinyllama-1.1b-chat, dataset: sharegpt-like, server: vllm, backend: vllm, cores: all, "
    "client: vllm-bench-throughput}"
)


def test_a_client_that_brings_the_engine_has_one_level_and_needs_no_word_of_its_load(config: Path) -> None:
    offline = only(config, VLLM)
    assert (offline["load"], offline["api"], offline["bench_requests"]) == ("offline", "openai-completions", 100)
    assert not {"concurrency", "rate_rps", "arrival"} & offline.keys()
    assert levels_of(offline) == [LoadLevel("offline", "offline")]
    single = only(config, VLLM.replace("throughput", "latency"))
    assert (single["load"], single["bench_batch"], single["bench_sequences"]) == ("single-stream", 8, 1)
    assert levels_of(single) == [LoadLevel("single-stream", "single-stream", concurrency=1)]
    assert offline["id"].endswith("_vllm_vllm-bench-throughput_openai-completions")


def test_answers_may_be_as_long_as_the_data_sets_own(config: Path) -> None:
    assert only(config, also(VLLM, "new_tokens: null"))["new_tokens"] is None
    assert only(config, also(VLLM, "new_tokens: null"))["id"].endswith("_newtokens-null")
    assert only(config, also(VLLM.replace("-throughput", ""), "new_tokens: null, concurrency: 1-2"))["load"] == "closed"


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (
            VLLM.replace("server: vllm, backend: vllm", "server: transformers-serve, backend: pytorch"),
            "runs[0].server: 'transformers-serve': client vllm-bench-throughput loads the engine itself, of "
            "another one. Take vllm",
        ),
        (
            also(VLLM, "client_cores: 1"),
            "runs[0].client_cores: 1: client vllm-bench-throughput holds the engine, which is pinned to `cores`",
        ),
        (also(VLLM, "concurrency: 2"), "runs[0].concurrency: 2: belongs to `load: closed`, but the load is offline"),
        (
            also(VLLM, "load: closed"),
            "runs[0].load: 'closed': client vllm-bench-throughput can put on a load that is offline",
        ),
        (also(VLLM, "limit_latency_ms: 9"), "client vllm-bench-throughput tells of no single request"),
        (
            also(CHAT, "client: hey, limit_ttft_ms: 9"),
            "runs[0].limit_ttft_ms: 9: client hey can't tell when a first token comes. Use limit_latency_ms",
        ),
        (
            also(VLLM.replace("vllm-bench-throughput", "ab"), "limit_tpot_ms: 9").replace("server: vllm, backend: vllm",
                "server: tgi-stand-in, backend: pytorch"),
            "runs[0].limit_tpot_ms: 9: client ab can't tell when a first token comes",
        ),
        (also(BLIP, "client: perf_analyzer, limit_latency_ms: 9"), "client perf_analyzer tells of no single request"),
        (also(VLLM.replace("sharegpt-like", "prompts"), "new_tokens: null"), "answers, and prompts has none. Give one"),
        (also(VLLM.replace("throughput", "latency"), "new_tokens: null"), "this client all answers are of one length"),
        (
            also(VLLM, "new_tokens: null").replace("server: vllm, backend: vllm", "server: transformers-serve, "
                "backend: pytorch").replace("vllm-bench-throughput", "cotejo"),
            "with this server all answers are of one length",
        ),
        (
            "- {name: text, model: tinyllama-1.1b-chat, dataset: sharegpt-like, backend: pytorch, new_tokens: null}",
            "runs[0].new_tokens: None: needs a server: in process all answers are of one length",
        ),
    ],
)  # fmt: skip
def test_what_a_client_or_its_engine_cannot_do_is_refused(config: Path, block: str, message: str) -> None:
    with pytest.raises(CotejoError) as caught:
        load(config, block)
    assert message in str(caught.value)
