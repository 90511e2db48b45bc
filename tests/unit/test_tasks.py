"""What every task and every backend must tell, and tasks' own work on fakes and known samples."""

import json
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from cotejo.accelerators import ACCELERATORS
from cotejo.backends import BACKENDS, backend
from cotejo.command import ROOT
from cotejo.errors import CotejoError
from cotejo.tasks import TASKS, image_captioning, speech_recognition, task, text_generation


def metric(found, name):
    return next(m for m in found if m.name == name)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_tells_what_studies_need(name):
    module = task(name)

    assert module.OPTIONS
    assert module.ARCHITECTURES
    assert module.DATASET_KINDS
    assert module.UNIT
    assert module.LEVELS
    assert all(callable(getattr(module, function)) for function in ("load_requests", "measure", "metrics"))


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_runs_what_some_task_measures(name):
    module = backend(name)

    measurable = {architecture for each in TASKS for architecture in task(each).ARCHITECTURES}
    assert set(module.ARCHITECTURES) == set(module.FORMATS) <= measurable
    assert module.PRECISIONS
    assert module.DEVICES
    assert set(module.DEVICES) <= {"cpu", *ACCELERATORS}
    assert not module.SPLITS or "cuda" in module.DEVICES
    assert module.DISTRIBUTIONS


def test_an_unknown_task_or_backend_names_the_known_ones():
    with pytest.raises(CotejoError, match="text-generation"):
        task("text")
    with pytest.raises(CotejoError, match="openvino-genai"):
        backend("openvino_genai")


def test_registries_import_nothing_heavy():
    heavy = {"torch", "transformers", "openvino", "onnxruntime", "av", "cv2", "pandas", "scipy"}
    code = (
        "import sys; from cotejo.tasks import *; from cotejo.backends import *; from cotejo.servers import *; "
        "from cotejo.clients import *; from cotejo.apis import *; [task(n) for n in TASKS]; "
        "[backend(n) for n in BACKENDS]; [server(n) for n in SERVERS]; [client(n) for n in CLIENTS]; "
        "[api(n) for n in APIS]; "
        f"print(sys.modules.keys() & {heavy})"
    )
    environment = {"PYTHONPATH": str(ROOT / "scripts")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# Text generation


@pytest.fixture
def llama_folder(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = ["<s>", "</s>", "[INST]", "[/INST]", "why", "not"]
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="<s>"))
    tokenizer.add_special_tokens(["<s>"])
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $0", special_tokens=[("<s>", 0)])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    config = {"bos_token": {"content": "<s>"}, "eos_token": "</s>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    items = [{"file": "1.txt", "text": "why"}, {"file": "2.txt", "text": "why not"}]
    (tmp_path / "dataset.json").write_text(json.dumps({"items": items}))
    return tmp_path


def test_prompts_without_a_template_get_the_tokenizers_special_tokens(llama_folder):
    prompts = text_generation.load_requests({}, llama_folder, llama_folder)

    assert [(p.item, p.tokens) for p in prompts] == [("1.txt", [0, 4]), ("2.txt", [0, 4, 5])]


def test_a_template_writes_the_special_tokens_itself(llama_folder):
    template = "{% for m in messages %}{{ bos_token + ' [INST] ' + m['content'] + ' [/INST]' }}{% endfor %}"
    (llama_folder / "chat_template.jinja").write_text(template)

    prompts = text_generation.load_requests({}, llama_folder, llama_folder)

    assert prompts[1].tokens == [0, 2, 4, 5, 3]


def test_a_template_that_refuses_a_prompt_says_so(llama_folder):
    (llama_folder / "chat_template.jinja").write_text("{{ raise_exception('only questions') }}")

    with pytest.raises(CotejoError, match="only questions"):
        text_generation.load_requests({}, llama_folder, llama_folder)


def test_a_model_without_tokenizer_json_is_named(tmp_path):
    with pytest.raises(CotejoError, match=r"tokenizer\.json: no such file"):
        text_generation.load_requests({}, tmp_path, tmp_path)


class Clock:
    def __init__(self):
        self.now = 50.0

    def __call__(self):
        return self.now


def test_too_few_tokens_are_a_failed_request(tmp_path):
    clock, calls = Clock(), []

    class Engine:
        def generate(self, tokens, new_tokens):
            calls.append(tokens)
            clock.now += 0.5
            short = len(calls) == 3
            return text_generation.Generation([7] * (new_tokens - short), clock.now - 0.4)

    run = {"new_tokens": 4, "warmup_s": 0, "duration_s": 1.5, "stop_width": None, "seed": 0}
    prompts = [text_generation.Prompt("1.txt", [1, 2])]
    level = text_generation.measure(Engine(), prompts, run, "single-stream", tmp_path, clock)

    assert [s["ok"] for s in level.samples] == [1, 0, 1]
    assert level.samples[1]["error"] == "RuntimeError: 3 tokens came instead of 4"
    assert level.samples[0]["tokens_in"] == 2
    assert level.samples[0]["first_token_s"] == pytest.approx(0.1)


def test_text_metrics_of_known_samples():
    # Forty-four requests of 1 s one after another, ten tokens each, the first after 0.1 s; one more that failed.
    samples = pd.DataFrame({"sent_s": np.arange(45.0), "ok": [1] * 44 + [0]})
    samples["scheduled_s"] = samples["sent_s"]
    samples["first_token_s"] = (samples["sent_s"] + 0.1).where(samples["ok"] == 1)
    samples["done_s"] = samples["sent_s"] + 1.0
    samples["tokens_out"] = pd.Series([10.0] * 44 + [math.nan])

    found = text_generation.metrics(samples, {"duration_s": 45.0}, {})

    assert metric(found, "tokens_per_s").value == pytest.approx(440 / 45)  # time lost to a failure is lost
    assert metric(found, "tokens_per_s").better == "higher"
    assert metric(found, "ttft_p50_ms").value == pytest.approx(100)
    assert metric(found, "tpot_p50_ms").value == pytest.approx(100)
    assert metric(found, "latency_p90_ms").value == pytest.approx(1000)
    assert metric(found, "latency_p95_ms").value is None  # a floor of 90 samples
    assert metric(found, "latency_p99_ms").value is None  # a floor of 459


def test_one_new_token_has_no_time_per_further_token():
    samples = pd.DataFrame(
        {"scheduled_s": [0.0], "first_token_s": [0.2], "done_s": [0.2], "tokens_out": [1], "ok": [1]}
    )

    found = text_generation.metrics(samples, {"duration_s": 0.2}, {})

    assert metric(found, "tpot_p50_ms").value is None
    assert metric(found, "tokens_per_s").value == pytest.approx(5)


# Speech recognition


def write_wave(file, seconds, rate, channels=1):
    import wave

    times = np.arange(int(seconds * rate)) / rate
    tone = (np.sin(2 * np.pi * 440 * times) * 16000).astype("<i2")
    with wave.open(str(file), "wb") as stream:
        stream.setnchannels(channels)
        stream.setsampwidth(2)
        stream.setframerate(rate)
        stream.writeframes(np.repeat(tone[:, None], channels, axis=1).tobytes())


@pytest.mark.parametrize(("rate", "channels"), [(16000, 1), (44100, 2)])
def test_audio_becomes_mono_at_16_khz(tmp_path, rate, channels):
    write_wave(tmp_path / "a.wav", 1.5, rate, channels)

    audio = speech_recognition.load_audio(tmp_path / "a.wav")

    assert audio.dtype == np.float32
    assert audio.shape == (pytest.approx(24000, abs=32),)
    loudest = np.abs(np.fft.rfft(audio[:16000])).argmax()
    assert loudest == pytest.approx(440, abs=1)


def test_clips_are_prepared_once_outside_the_clock(tmp_path):
    clock, prepared = Clock(), []

    class Engine:
        def prepare(self, audio):
            prepared.append(audio)
            return ["window", audio]

        def transcribe(self, clip, decode_tokens):
            assert clip == ["window", "audio"]
            clock.now += 2.0
            return speech_recognition.Transcript("words", 3, decode_tokens, clock.now - 1.0)

    run = {"decode_tokens": 5, "warmup_s": 0, "duration_s": 4.0, "stop_width": None, "seed": 0}
    clips = [speech_recognition.Clip("1.wav", "audio", 10.0)]
    level = speech_recognition.measure(Engine(), clips, run, "single-stream", tmp_path, clock)

    assert prepared == ["audio"]
    assert len(level.samples) == 2
    assert level.samples[0] | {"audio_s": 10.0, "decode_steps": 5, "tokens_out": 3} == level.samples[0]


def test_speech_metrics_of_known_samples():
    samples = pd.DataFrame(
        {
            "sent_s": [0.0, 1.0, 4.0],
            "done_s": [1.0, 4.0, 9.0],
            "audio_s": [10.0, 30.0, 7.0],
            "decode_steps": [20, 60, 9],
        }
    )
    samples["scheduled_s"], samples["ok"] = samples["sent_s"], [1, 1, 0]

    found = speech_recognition.metrics(samples, {"duration_s": 9.0}, {})

    assert metric(found, "real_time_factor").value == pytest.approx(4 / 40)
    assert metric(found, "real_time_factor").better == "lower"
    assert metric(found, "decode_steps_per_s").value == pytest.approx(80 / 9)
    assert metric(found, "latency_p50_ms").value == pytest.approx(2000)


# Image captioning


def test_pixels_are_what_transformers_processor_makes(tmp_path):
    from PIL import Image
    from transformers import BlipImageProcessorPil

    picture = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    processor = BlipImageProcessorPil(size={"height": 32, "width": 32})

    pixels = image_captioning.prepared(tmp_path / "a.png", processor.to_dict())

    expected = processor(Image.open(tmp_path / "a.png"), return_tensors="np")["pixel_values"]
    assert pixels.shape == (1, 3, 32, 32)
    assert pixels.dtype == np.float32
    assert np.abs(pixels - expected).max() < 1e-5


def test_captions_begin_as_the_model_wants_and_have_the_length_asked_for(tmp_path):
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    files = {
        "config.json": {"text_config": {"vocab_size": 50, "bos_token_id": 49}},
        "preprocessor_config.json": {
            "size": {"width": 4, "height": 4}, "resample": 3, "rescale_factor": 1 / 255,
            "image_mean": [0, 0, 0], "image_std": [1, 1, 1],
        },
        "dataset.json": {"items": [{"file": "a.png"}]},
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))

    (image,) = image_captioning.load_requests({"seed": 1, "caption_tokens": 7}, tmp_path, tmp_path)

    assert image.tokens.shape == (1, 7)
    assert image.tokens.dtype == np.int64
    assert image.tokens[0, 0] == 49
    assert image.tokens.max() < 50


def test_captioning_metrics_of_known_samples():
    samples = pd.DataFrame({"scheduled_s": [0.0, 0.5, 1.0], "done_s": [0.5, 1.0, 1.5], "ok": [1, 1, 0]})

    found = image_captioning.metrics(samples, {"duration_s": 1.5}, {})

    assert metric(found, "inferences_per_s").value == pytest.approx(2 / 1.5)
    assert metric(found, "latency_p50_ms").value == pytest.approx(500)
