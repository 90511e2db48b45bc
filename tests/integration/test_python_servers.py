"""Real servers of PyTorch models, each with small ones: their answers are PyTorch's, and clients and they agree."""

import pytest
from served import ALL, LLAMA, LLAVA, Served, dataset, needs, prove, run_with

from cotejo.child import nothing_left
from cotejo.session import Session

__all__ = ["dataset"]

pytestmark = pytest.mark.beside


def test_transformers_serve_streams_about_images_with_exactly_the_tokens_asked_for(tmp_path, dataset, model_folder):
    served = Served(run_with("transformers-serve", LLAVA), tmp_path, dataset, model_folder(LLAVA))
    with nothing_left(), served.serving() as session:
        assert session.identity.facts["model"] == f"{served.job.prepared / LLAVA}@main"
        assert session.endpoint.key is None
        golden = served.golden(session)
        done = served.sweep(session)
    assert session.left == []
    assert golden["status"] == "ok" and golden["tokens"] == 8, golden
    prove(done, 8)


@needs("vllm")
@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (LLAMA, {}),
        # Where ranks share their CPUs with all else, a request takes seconds.
        (LLAMA, {"cpu_ranks": 2, "api": "openai-completions", "new_tokens": 4, "concurrency": 1, "duration_s": 30.0}),
        (LLAVA, {}),
    ],
)
def test_vllm_answers_as_pytorch_does_and_counts_what_it_does(tmp_path, dataset, model_folder, model, settings):
    if settings.get("cpu_ranks", 1) > len(ALL):
        pytest.skip("two ranks need two CPUs")
    run = run_with("vllm", model, kv_cache_gib=1, eager=True, **settings)
    served = Served(run, tmp_path, dataset, model_folder(model))
    with nothing_left(), served.serving() as session:
        assert session.identity.version.startswith("0.32")
        assert session.identity.facts["root"] == str(served.model_folder)
        golden = served.golden(session)
        done = served.sweep(session)
    assert session.left == []
    assert golden["status"] == "ok", golden
    prove(done, run["new_tokens"])


@needs("vllm")
def test_vllm_wants_its_key_and_other_weights_are_not_pytorchs(tmp_path, dataset, model_folder):
    run = run_with("vllm", LLAMA, kv_cache_gib=1, eager=True, load_format="dummy")
    served = Served(run, tmp_path, dataset, model_folder(LLAMA))
    with nothing_left(), served.serving() as session:
        key = session.endpoint.key
        assert key and key not in " ".join(session.command)
        golden = served.golden(session)
        bare = type(session.endpoint)(session.endpoint.ports, session.endpoint.model)
        with pytest.raises(Exception, match="401"):
            served.golden(Session(bare, session.identity, session.child, [], 0.0))
    assert key not in (tmp_path / "server.log").read_text()
    assert golden["status"] == "failed" and not served.server.comparable(run)


@needs("llava")
def test_llava_worker_answers_as_pytorch_does(tmp_path, dataset, model_folder):
    run = run_with("llava-worker", LLAVA, precision="fp16", compute_precision="f16")
    served = Served(run, tmp_path, dataset, model_folder(LLAVA))
    with nothing_left(), served.serving() as session:
        golden = served.golden(session)
        done = served.sweep(session)
    assert session.left == []
    assert golden["status"] == "ok", golden
    prove(done, 8)
