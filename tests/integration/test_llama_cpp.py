"""llama.cpp itself reads what is exported for it: the same tokens, the same prompts, the same answers as PyTorch."""

import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exporting import CATALOGUE, inline, no_llama_server
from served import ALL, LLAMA, LLAVA, MAIN, Served, dataset, run_with

from cotejo import affinity, parity
from cotejo.affinity import Watch
from cotejo.apis.ask import ask
from cotejo.apis.questions import items
from cotejo.child import nothing_left
from cotejo.command import ROOT
from cotejo.datasets.entries import prepare
from cotejo.exports import gguf, gguf_llama
from cotejo.exports.gguf_file import MEDIA_MARKER
from cotejo.exports.gguf_runtime import serving
from cotejo.files import read_json, sha256_of, sha256_of_folder, write_json
from cotejo.golden import checked
from cotejo.models.synthetic import write_model
from cotejo.servers.interface import Job
from cotejo.session import Setting

__all__ = ["dataset"]


pytestmark = [
    pytest.mark.skipif(no_llama_server() is not None, reason=str(no_llama_server())),
    pytest.mark.beside,
]

TEXTS = (
    "", " ", "a", "indented", "  two  spaces,\tand\n\nlines\r\n  indented", "USER: <image>\nWhat?", "a space ",
    "It's what they'd've said: 'tisn't 12345 or 3.14!?", "</s> and <s>[INST] <unk>", "\x00\x7f\u00a0\u3000",
    "f(x) == {\"key\": [1, 2]};  // snake_case", "Ünïcödé, 日本語の文, العربية", "🙂👩\u200d👧",
)  # fmt: skip


def tokens_of(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text)["input_ids"])


@pytest.mark.parametrize("model", [LLAMA, LLAVA])
def test_the_same_tokens_of_every_text(model, model_folder, export_folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_folder(model), local_files_only=True)
    with serving(export_folder(model, "gguf", "fp16")) as server:
        found = {text: server.tokens_of(text, add_special=True, parse_special=True) for text in TEXTS}
    assert found == {text: tokens_of(tokenizer, text) for text in TEXTS}


@pytest.fixture(scope="module")
def sentencepiece_model(tmp_path_factory) -> Path:
    """A small Llama whose tokenizer is of the kind that the hub's Llama, Vicuna and LLaVA have."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors, trainers

    folder = tmp_path_factory.mktemp("sentencepiece") / "model"
    entry = CATALOGUE[LLAMA]
    write_model(folder, LLAMA, entry | {"small": entry["small"] | {"vocab_size": 2000}}, "small", 0, False)
    special = ["<unk>", "<s>", "</s>"]
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    trainer = trainers.BpeTrainer(vocab_size=1700, special_tokens=special, show_progress=False, max_token_length=16)
    corpus = [line for path in sorted((ROOT / "scripts" / "cotejo").glob("*.py")) for line in path.open()]
    tokenizer.train_from_iterator(corpus, trainer)
    # The trainer makes no tokens for bytes, so they are put behind the others.
    state = read_json_of(tokenizer)
    vocabulary = state["model"]["vocab"]
    for byte in range(256):
        vocabulary[f"<0x{byte:02X}>"] = len(vocabulary)
    write_json(folder / "tokenizer.json", state)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.save(str(folder / "tokenizer.json"))
    manifest = read_json(folder / "model.json")
    write_json(folder / "model.json", manifest | {"files": sha256_of_folder(folder, without=("model.json",))})
    return folder


def read_json_of(tokenizer: Any) -> dict[str, Any]:
    import json

    state: dict[str, Any] = json.loads(tokenizer.to_str())
    return state


def test_the_same_tokens_of_every_text_by_sentencepiece(sentencepiece_model, tmp_path):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(sentencepiece_model, local_files_only=True)
    gguf.export(sentencepiece_model, tmp_path, "llama", "fp16")
    with serving(tmp_path) as server:
        found = {text: server.tokens_of(text, add_special=True, parse_special=True) for text in TEXTS}
        assert {text: tokens_of(tokenizer, text) for text in TEXTS} == found
        assert server.text_of(found["indented"][1:]) == "indented"


def test_the_same_prompts_of_messages(model_folder, export_folder):
    from transformers import AutoProcessor, AutoTokenizer

    said = [
        {"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}, {"role": "user", "content": "Ah"}
    ]  # fmt: skip
    tokenizer = AutoTokenizer.from_pretrained(model_folder(LLAMA), local_files_only=True)
    with serving(export_folder(LLAMA, "gguf", "fp16")) as server:
        prompt = tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
        assert server.prompt_of(said) == prompt.removeprefix("<s>"), (
            "what a tokenizer adds by itself is not there twice"
        )
    processor = AutoProcessor.from_pretrained(model_folder(LLAVA), local_files_only=True)
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    with serving(export_folder(LLAVA, "gguf", "fp16")) as server:
        theirs = server.prompt_of([{"role": "user", "content": [picture, {"type": "text", "text": "What is it?"}]}])
    asked = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is it?"}]}
    ours = processor.apply_chat_template([asked], tokenize=False, add_generation_prompt=True)
    assert theirs == ours.replace("<image>", MEDIA_MARKER) == f"USER: {MEDIA_MARKER}\nWhat is it? ASSISTANT:"


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4//8/AAX+Av4N70a4AAAAAElFTkSuQmCC"


@pytest.mark.parametrize("fault", ["rows in transformers' order", "the image's last norm applied"])
def test_a_wrong_export_fails_the_gate(fault, model_folder, tmp_path, monkeypatch):
    """Each is a whole file that loads and answers; what it answers is wrong."""
    if fault == "rows in transformers' order":
        kind, model = "llama", model_folder(LLAMA)
        monkeypatch.setattr(gguf_llama, "paired", lambda values, heads: values)
    else:
        from cotejo.exports import gguf_llava

        kind, model = "llava", model_folder(LLAVA)
        names = gguf_llava.NAMES | {rf"{gguf_llava.TOWER}post_layernorm\.(weight|bias)": r"v.post_ln.\1"}
        monkeypatch.setattr(gguf_llava, "NAMES", names)
    export = tmp_path / "export"
    export.mkdir()
    gguf.export(model, export, kind, "fp16")
    manifest = {
        "status": "ok", "reason": None, "message": None, "format": "gguf", "precision": "fp16", "architecture": kind,
        "model": sha256_of(model / "model.json"), "files": sha256_of_folder(export),
    }  # fmt: skip
    write_json(export / "export.json", manifest)
    monkeypatch.setattr(parity, "isolated", inline)
    found = parity.check(model, export, 0.01, tmp_path / "scratch")
    assert (found["status"], found["reason"]) == ("failed", "parity")
    assert found["error"] > 0.05


def test_an_export_that_it_cannot_load_says_why(export_folder, tmp_path):
    shutil.copytree(export_folder(LLAMA, "gguf", "fp16"), tmp_path / "export")
    file = tmp_path / "export" / "model.gguf"
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size // 2)
    with pytest.raises(RuntimeError, match="can't load the export"), serving(tmp_path / "export"):
        pass


class ServedExport(Served):
    """A run that is served from an export, on one CPU: several threads of llama.cpp wait for one another by spinning,
    which takes the CPU from whoever else is on it."""

    def __init__(self, run, folder, dataset, model, export) -> None:
        super().__init__(run, folder, dataset, model)
        self.job = Job(run, export, model, self.job.prepared, MAIN, 1, self.job.scratch)

    def setting(self, name: str) -> Setting:
        first = frozenset({min(ALL)})
        cpus = first if name == "server" else ALL - first or ALL
        return Setting(affinity.pin_command(cpus), Watch(cpus), self.folder / f"{name}.log")

    def golden(self, session) -> dict[str, Any]:
        item = next(items(self.run, self.dataset, self.model_folder))
        item = self.server.golden_item(item, self.model_folder)
        answer = ask(self.run["api"], session.endpoint, {**self.run, "stream": False}, item)
        bound = {"fp32": 0.0001, "fp16": 0.01, "int8": 0.1}[self.run["precision"]]
        tokens = self.run["new_tokens"]
        return checked(self.run["api"], self.run["architecture"], item, answer, self.model_folder, tokens, bound)


@pytest.mark.parametrize(
    ("model", "precision", "settings"),
    [
        (LLAMA, "fp32", {"compute_precision": "f32", "slots": 2}),
        (LLAMA, "int8", {"api": "openai-completions", "concurrency": 1, "prompt_cache": True}),
        (LLAVA, "fp16", {}),
    ],
)
def test_it_answers_as_pytorch_does_and_counts_what_it_does(
    tmp_path, dataset, model_folder, export_folder, model, precision, settings
):
    asked = {"precision": precision, "compute_precision": "device-default", "context_tokens": 256, **settings}
    run = run_with("llama.cpp", model, **asked)
    served = ServedExport(run, tmp_path, dataset, model_folder(model), export_folder(model, "gguf", precision))
    with nothing_left(), served.serving() as session:
        key, facts = session.endpoint.key, session.identity.facts
        golden = served.golden(session)
        done = served.sweep(session)
    assert session.left == []
    assert key and key not in " ".join(session.command) and key not in (tmp_path / "server.log").read_text()
    assert facts["slots"] == run["slots"] and facts["context_tokens"] == 256
    assert ("vision" in facts["modalities"]) is (model == LLAVA)
    assert golden["status"] == "ok" and golden["tokens"] == 8, golden
    assert done.failure is None
    for level, counted in zip(done.levels, done.counted, strict=True):
        assert level.samples and {sample.get("error") for sample in level.samples} == {None}
        assert {sample["tokens_out"] for sample in level.samples} == {8}
        answered = counted["tokens_out"] / 8
        assert answered == pytest.approx(len(level.samples), rel=0.3, abs=30) and answered >= len(level.samples), (
            "the warm-up"
        )
        assert counted["tokens_in"] / answered == pytest.approx(
            np.mean([sample["tokens_in"] for sample in level.samples]), rel=0.05
        )
        assert counted["compute_s"] > 0


@pytest.mark.parametrize("stream", [True, False])
def test_under_load_no_connection_is_lost(tmp_path, dataset, model_folder, export_folder, stream):
    """It closes a connection after a streamed answer without saying so: the next request must not go by that one."""
    settings = {"precision": "int8", "compute_precision": "device-default", "context_tokens": 256, "slots": 4}
    run = run_with("llama.cpp", LLAMA, **settings, stream=stream, new_tokens=2, concurrency="2,4", duration_s=4.0)
    served = ServedExport(run, tmp_path, dataset, model_folder(LLAMA), export_folder(LLAMA, "gguf", "int8"))
    with nothing_left(), served.serving() as session:
        done = served.sweep(session)
    assert done.failure is None
    found = [sample for level in done.levels for sample in level.samples]
    assert len(found) > 100 and {sample.get("error") for sample in found} == {None}


def test_answers_are_as_long_as_those_of_a_data_set_of_conversations(tmp_path, dataset, model_folder, export_folder):
    config = tmp_path / "datasets.yaml"
    turns = [[{"value": "Why is it so?"}, {"value": "word " * words}] for words in (5, 20, 60)]
    write_json(tmp_path / "share.json", [{"conversations": each} for each in turns])
    write_json(config, {"talks": {"kind": "conversations", "source": {"path": str(tmp_path / "share.json")}}})
    prepare(config, "talks", tmp_path / "talks")
    settings = {"precision": "int8", "compute_precision": "device-default", "context_tokens": 512, "concurrency": 1}
    run = run_with("llama.cpp", LLAMA, **settings, new_tokens=None)
    served = ServedExport(run, tmp_path, dataset, model_folder(LLAMA), export_folder(LLAMA, "gguf", "int8"))
    served.dataset = tmp_path / "talks"
    with nothing_left(), served.serving() as session:
        done = served.sweep(session)
    [level] = done.levels
    asked = {item.item: item.new_tokens for item in islice(items(run, served.dataset, served.model_folder), 30)}
    assert len(set(asked.values())) == 3
    assert level.samples and all(sample["tokens_out"] == asked[sample["item"]] for sample in level.samples)
