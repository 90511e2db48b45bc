"""A real Triton, real load: BLIP (small), its answers held against PyTorch's, batched and one by one."""

import threading
import time
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import pytest

from cotejo import affinity
from cotejo.affinity import Watch
from cotejo.apis import triton_infer
from cotejo.child import nothing_left
from cotejo.clients import client as client_module
from cotejo.command import ROOT
from cotejo.models import blip
from cotejo.servers import triton
from cotejo.servers.interface import Job
from cotejo.session import ServingError, Setting, serving
from cotejo.sweep import Client, sweep

MODEL = "blip-image-captioning-base"
PYTHON = ROOT / "resources" / "environments" / "triton" / "bin" / "python"
ALL = frozenset(affinity.mask())

pytestmark = [
    pytest.mark.skipif(not PYTHON.exists(), reason="Triton's environment is missing: make env-triton"),
    pytest.mark.beside,
]


@pytest.fixture
def dataset(tmp_path):
    """Two pictures."""
    from PIL import Image

    from cotejo.files import write_json

    random = np.random.default_rng(0)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(2):
        Image.fromarray(random.integers(0, 256, (60, 80, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    write_json(folder / "dataset.json", {"kind": "images", "items": [{"file": "0.png"}, {"file": "1.png"}]})
    return folder


def run_with(**settings):
    return {
        "model": MODEL, "architecture": "blip", "task": "image-captioning", "server": "triton",
        "backend": "onnxruntime", "device": "cpu", "accelerators": 0, "split": None, "precision": "fp32",
        "compute_precision": "f32", "caption_tokens": 5, "seed": 3, "load": "closed", "concurrency": "1,4",
        "warmup_s": 0.2, "duration_s": 1.0, "stop_width": None, "ready_timeout_s": 60, **triton.OPTIONS, **settings,
    }  # fmt: skip


@pytest.fixture
def job(tmp_path, model_folder, export_folder):
    """job(run): a job whose model repository is there."""

    def made(run, python=PYTHON):
        triton.check(run)
        given = Job(run, export_folder(MODEL, "onnx", "fp32"), model_folder(MODEL), tmp_path / "prepared",
                    python, len(ALL), tmp_path / "scratch")  # fmt: skip
        given.prepared.mkdir()
        given.scratch.mkdir()
        triton.prepare(given)
        return given

    return made


def setting(folder: Path, name: str) -> Setting:
    return Setting(affinity.pin_command(ALL), Watch(ALL), folder / f"{name}.log")


def post(item, job, endpoint):
    made = triton_infer.request(item, job.run, endpoint)
    with urlopen(Request(endpoint.url() + made.path, made.body, made.headers), timeout=30) as answer:
        return triton_infer.outputs_of(answer.read())["logits"]


def at_once(items, job, endpoint):
    """The answers to requests that are under way at the same time."""
    found = {}
    threads = [
        threading.Thread(target=lambda place=place, item=item: found.update({place: post(item, job, endpoint)}))
        for place, item in enumerate(items)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[place] for place in range(len(items))]


def test_batched_or_not_each_answer_is_pytorchs_and_the_server_counts_them(tmp_path, dataset, job):
    given = job(run_with(batching="dynamic", preferred_batches=4, max_batch=4, queue_delay_us=500_000))
    waiting = triton_infer.items(given.run, dataset, given.model_folder)
    items = [next(waiting) for _ in range(5)]
    rendered = sorted(given.prepared.rglob("*"))
    with nothing_left(), serving(triton, given, setting(tmp_path, "server")) as session:
        assert session.identity.version == "2.51.0"
        assert session.identity.facts["backend_kind"] == "python"
        assert session.identity.facts["dynamic_batching"]["preferred_batch_size"] == [4]
        assert session.identity.facts["parameters"] == {"providers": "CPUExecutionProvider", "threads": str(len(ALL))}
        assert triton.counters(session.endpoint)["requests"] == 0
        answers = [*at_once(items[:4], given, session.endpoint), post(items[4], given, session.endpoint)]
        counted = triton.counters(session.endpoint)
    assert session.left == []
    assert sorted(given.prepared.rglob("*")) == rendered, "what was rendered is only read"
    assert (counted["requests"], counted["failed_requests"], counted["executions"]) == (5, 0, 2)
    assert 0 < counted["compute_s"] < counted["inference_s"] and counted["queue_s"] > 0.4
    model = blip.load(given.model_folder)
    for item, answer in zip(items, answers, strict=True):
        reference = blip.reference_outputs(model, triton_infer.inputs_of(item))["logits"]
        assert answer.shape == (1, 5, 30524)
        np.testing.assert_allclose(answer, reference, rtol=0, atol=1e-4 * np.abs(reference).max())
    assert not np.array_equal(answers[0], answers[2]), "the same picture with another number"


@pytest.mark.parametrize(
    ("name", "batching", "options"),
    [
        ("cotejo", "dynamic", {}),
        # Three windows of a second: they needn't agree, as perf_analyzer asks by itself, but must hold a request each.
        ("perf_analyzer", "dynamic", {"stability_percent": 1000, "duration_s": 3.0}),
        ("perf_analyzer", "none", {"stability_percent": 1000, "duration_s": 3.0}),
    ],
)
def test_clients_and_server_agree_on_what_was_done(tmp_path, dataset, job, name, batching, options):
    module = client_module(name)
    run = run_with(batching=batching, **(module.OPTIONS | options), client=name, concurrency="1-4")
    given = job(run)
    (tmp_path / "clients").mkdir()
    python = Path(ROOT / ".venv" / "bin" / "python") if module.STACK is None else PYTHON
    driver = Client(module, run, "triton-infer", dataset, given.model_folder, python,
                    setting(tmp_path, name), tmp_path / "clients")  # fmt: skip
    with nothing_left(), serving(triton, given, setting(tmp_path, "server")) as session:
        done = sweep(session, triton, driver, time.monotonic() + 120)
    assert done.failure is None
    assert session.left == []
    assert sorted(level.concurrency for level in done.levels) == [1, 2, 3, 4]
    for level, counted in zip(done.levels, done.counted, strict=True):
        answered = level.summary()["requests"]
        assert level.summary()["failed_requests"] == 0
        assert counted["failed_requests"] == 0
        if name == "cotejo":
            assert counted["requests"] == answered + level.warmup_requests
        else:
            assert counted["requests"] >= answered, "it doesn't tell how many it warmed up with"
        assert (counted["executions"] == counted["requests"]) == (batching == "none" or level.concurrency == 1)


def test_server_that_would_quietly_compute_elsewhere_does_not_start(tmp_path, job):
    given = job(run_with())
    config = given.prepared / "models" / MODEL / "config.pbtxt"
    config.write_text(config.read_text().replace("CPUExecutionProvider", "CUDAExecutionProvider"))
    with nothing_left(), pytest.raises(ServingError) as refused, serving(triton, given, setting(tmp_path, "server")):
        pass
    assert refused.value.failure.reason == "server-exited"
    assert "took CPUExecutionProvider in place of CUDAExecutionProvider" in (tmp_path / "server.log").read_text()


def test_another_model_is_not_the_one_asked_for(tmp_path, job):
    given = job(run_with())
    folder = given.prepared / "models" / MODEL
    folder.rename(folder.with_name("other"))
    config = folder.with_name("other") / "config.pbtxt"
    config.write_text(config.read_text().replace(MODEL, "other"))
    with nothing_left(), pytest.raises(ServingError) as refused, serving(triton, given, setting(tmp_path, "server")):
        pass
    assert refused.value.failure.reason == "wrong-model"
    assert f"serves other, not {MODEL}" in refused.value.failure.message
