"""How llama-server is started, what it must serve, and what its counters are; the real one is an integration test."""

from pathlib import Path

import pytest
from canned_server import canned

from cotejo.apis.interface import Item
from cotejo.apis.questions import Picture, Question
from cotejo.errors import CotejoError
from cotejo.files import write_json
from cotejo.llama_server import FLAGS
from cotejo.servers import llama_cpp
from cotejo.servers.interface import Endpoint, Job

METRICS = (Path(__file__).parents[1] / "fixtures" / "llama-server-metrics.txt").read_text()
RUN = {
    "model": "small", "architecture": "llama", "server": "llama.cpp", "client": "cotejo", "device": "cpu",
    "split": None, "accelerators": 0, "precision": "fp16", "compute_precision": "f16", "new_tokens": 9, "seed": 5,
    **llama_cpp.OPTIONS,
}  # fmt: skip
ENDPOINT = Endpoint({"http": 8123}, "small", "a-secret")
PROPERTIES = {
    "model_alias": "small", "build_info": "b7-abc", "model_path": "/model.gguf", "total_slots": 4,
    "default_generation_settings": {"n_ctx": 64}, "modalities": {"vision": True, "audio": False},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model, its export, and a llama-server."""
    write_json(tmp_path / "config.json", {"max_position_embeddings": 2048})
    (tmp_path / "model.gguf").touch()
    program = tmp_path / "llama-server"
    program.write_text(f"#!/bin/sh\necho '{' '.join(FLAGS)} CUDA0: A GPU'\n")
    program.chmod(0o755)
    return tmp_path


def launched(folder: Path, **settings) -> tuple[list[str], dict[str, str]]:
    run = RUN | settings
    llama_cpp.check(run)
    job = Job(run, folder, folder, folder, Path("python"), 3, folder / "scratch", folder / "llama-server")
    launch = llama_cpp.launch(job, ENDPOINT)
    return list(launch.command), dict(launch.environment)


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def test_it_serves_on_the_pinned_cpus_to_this_machine_alone(folder):
    command, environment = launched(folder)
    assert command[:3] == [str(folder / "llama-server"), "--model", str(folder / "model.gguf")]
    assert (option(command, "--host"), option(command, "--port")) == ("127.0.0.1", "8123")
    assert option(command, "--alias") == "small"
    assert option(command, "--threads") == option(command, "--threads-batch") == "3"
    assert option(command, "--device") == "none"
    assert {"--offline", "--metrics", "--no-webui"} <= set(command)
    assert "--mmproj" not in command and "--gpu-layers" not in command
    assert "a-secret" not in " ".join([*command, *environment.values()])


def test_every_slot_has_a_context_of_its_own(folder):
    assert option(launched(folder)[0], "--ctx-size") == str(4 * 2048)
    command, _ = launched(folder, slots=3, context_tokens=500)
    assert (option(command, "--parallel"), option(command, "--ctx-size")) == ("3", "1500")
    write_json(folder / "config.json", {"text_config": {"max_position_embeddings": 64}})
    assert option(launched(folder)[0], "--ctx-size") == "256"


def test_images_are_seen_where_there_is_a_projector(folder):
    (folder / "mmproj.gguf").touch()
    command, environment = launched(folder)
    assert option(command, "--mmproj") == str(folder / "mmproj.gguf")
    assert environment == {"LLAMA_MEDIA_MARKER": "<__media__>"}


def test_nothing_is_answered_from_a_cache_unless_asked(folder):
    command, _ = launched(folder)
    assert "--no-cache-prompt" in command and option(command, "--cache-ram") == "0"
    assert llama_cpp.request_fields(RUN) == {"ignore_eos": True, "cache_prompt": False}
    command, _ = launched(folder, prompt_cache=True)
    assert "--no-cache-prompt" not in command and "--cache-ram" not in command
    assert llama_cpp.request_fields(RUN | {"prompt_cache": True})["cache_prompt"] is True


def test_layers_go_to_gpus(folder):
    command, _ = launched(folder, device="cuda", accelerators=2, split="tensor_parallel")
    assert (option(command, "--gpu-layers"), option(command, "--split-mode")) == ("999", "row")
    assert "--device" not in command
    command, _ = launched(folder, device="cuda", accelerators=1, gpu_layers=7)
    assert (option(command, "--gpu-layers"), option(command, "--split-mode")) == ("7", "none")


def test_precision_of_what_is_kept_between_tokens(folder):
    command, _ = launched(folder, precision="fp32", compute_precision="f32")
    assert [option(command, name) for name in ("--cache-type-k", "--cache-type-v", "--flash-attn")] == [
        "f32", "f32", "off",
    ]  # fmt: skip
    command, _ = launched(folder, precision="int4", compute_precision="device-default")
    assert [option(command, name) for name in ("--cache-type-k", "--flash-attn")] == ["f16", "auto"]


def test_connections_are_closed_by_agreement_where_it_would_close_them_anyway():
    assert llama_cpp.request_headers(RUN | {"stream": True}) == {"Connection": "close"}
    assert llama_cpp.request_headers(RUN | {"stream": False}) == {}


def test_the_golden_image_needs_no_scaling(folder):
    import base64
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (60, 80), (200, 100, 50)).save(stream, "PNG")
    item = Item("a.png", Question("What?", Picture("image/png", base64.b64encode(stream.getvalue()).decode())))
    write_json(folder / "config.json", {"vision_config": {"image_size": 28}})
    scaled = llama_cpp.golden_item(item, folder)
    image = Image.open(io.BytesIO(base64.b64decode(scaled.content.picture.base64)))
    assert (scaled.item, scaled.content.text, image.size) == ("a.png", "What?", (28, 28))
    assert image.getpixel((5, 5)) == (200, 100, 50)
    text = Item("a.txt", Question("Why?"))
    assert llama_cpp.golden_item(text, folder) is text


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"compute_precision": "f32"}, "compute_precision: f32: llama.cpp computes with fp16 weights"),
        ({"compute_precision": "bf16"}, "compute_precision: bf16"),
        ({"device": "cuda", "split": "instances"}, "split: instances"),
        ({"gpu_layers": 4}, "gpu_layers: 4: needs `device: cuda`"),
        ({"prompt_cache": True, "client": "hey"}, "prompt_cache: true: hey sends one request over and over"),
    ],
)
def test_what_does_not_go_together_is_refused(folder, settings, said):
    with pytest.raises(CotejoError, match=said):
        launched(folder, **settings)


def test_it_is_ready_when_the_right_model_answers():
    with canned({"/health": (503, '{"error": {"message": "Loading model"}}')}) as server:
        assert llama_cpp.identify(server.endpoint("small")) is None
        server.answers |= {"/health": {"status": "ok"}, "/props": PROPERTIES}
        identity = llama_cpp.identify(server.endpoint("small", "a-secret"))
        assert identity is not None and identity.version == "b7-abc"
        assert identity.facts == {
            "model_path": "/model.gguf", "slots": 4, "context_tokens": 64, "modalities": ["vision"],
        }  # fmt: skip
        assert server.asked[-1][2]["Authorization"] == "Bearer a-secret"
        with pytest.raises(CotejoError, match="serves small, not another"):
            llama_cpp.identify(server.endpoint("another"))
        server.answers["/props"] = {"name": "some other server"}
        with pytest.raises(CotejoError, match="not small"):
            llama_cpp.identify(server.endpoint("small"))


def test_nobody_there_is_not_ready():
    with canned({}) as server:
        endpoint = server.endpoint("small")
    assert llama_cpp.identify(endpoint) is None


def test_counters_are_read_from_its_metrics():
    with canned({"/metrics": METRICS}) as server:
        counted = llama_cpp.counters(server.endpoint("small"))
        server.answers["/metrics"] = (501, "This server does not support metrics endpoint.")
        with pytest.raises(CotejoError, match="/metrics: no answer"):
            llama_cpp.counters(server.endpoint("small"))
    assert counted == {"tokens_in": 12, "tokens_out": 24, "compute_s": pytest.approx(3.00749 + 9.64286)}
