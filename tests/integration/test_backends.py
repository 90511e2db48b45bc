"""Every backend on every architecture that it can run: small models, real runtimes, the real measured process."""

import json
import os
import subprocess
import sys
import wave
from pathlib import Path
from shutil import copyfile

import numpy as np
import pandas as pd
import pytest

from cotejo.backends import BACKENDS, backend, division
from cotejo.code import SCRIPTS, run_modules
from cotejo.tasks import TASKS, options, task
from cotejo.tasks.speech_recognition import load_requests as load_clips
from cotejo.tasks.text_generation import load_requests as load_prompts
from cotejo.tasks.visual_question_answering import load_requests as load_pairs

pytestmark = pytest.mark.beside

MODELS = {
    "llama": "tinyllama-1.1b-chat",
    "yolo": "yolov8n-seg",
    "whisper": "whisper-base",
    "blip": "blip-image-captioning-base",
    "llava": "llava-1.5-7b",
}
ON_CPUS = [name for name in BACKENDS if "cpu" in backend(name).DEVICES]
INFERRING = [name for name in ON_CPUS if name != "transformers-trainer"]  # which test_fine_tuning.py measures
PAIRS = [(name, architecture) for name in INFERRING for architecture in backend(name).ARCHITECTURES]
LIGHT = [(name, architecture) for name, architecture in PAIRS if name in ("openvino-genai", "onnxruntime")]
LIGHT.append(("openvino", "yolo"))

# Runs the worker as `python -m` does, then tells which of the heavy packages that took.
PROBE = """
import runpy, sys
heavy = {"torch", "transformers", "ultralytics", "optimum", "whisper", "pandas", "scipy", "jsonschema", "matplotlib"}
try:
    runpy.run_module("cotejo.worker", run_name="__main__", alter_sys=True)
finally:
    print("HEAVY", sorted(heavy & sys.modules.keys()))
"""


@pytest.fixture(scope="session")
def datasets(tmp_path_factory):
    """A folder with a data set for each task: a film, clips of noise, prompts, pictures without and with questions."""
    import av
    from PIL import Image

    root = tmp_path_factory.mktemp("datasets")
    random = np.random.default_rng(0)

    def write(name, items):
        (root / name / "dataset.json").write_text(json.dumps({"kind": task(name).DATASET_KINDS[0], "items": items}))

    for name in TASKS:
        (root / name).mkdir()
    with av.open(str(root / "video-segmentation" / "film.mp4"), "w") as film:
        stream = film.add_stream("libx264", rate=25)
        stream.width, stream.height = 192, 128
        for _ in range(12):
            picture = random.integers(0, 256, (4, 6, 3), dtype=np.uint8).repeat(32, axis=0).repeat(32, axis=1)
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        film.mux(stream.encode())
    write("video-segmentation", [{"file": "film.mp4"}])
    for number in range(2):
        with wave.open(str(root / "speech-recognition" / f"{number}.wav"), "wb") as clip:
            clip.setnchannels(1)
            clip.setsampwidth(2)
            clip.setframerate(16000)
            clip.writeframes(random.integers(-9000, 9000, 24000 * (number + 1)).astype("<i2").tobytes())
    write("speech-recognition", [{"file": "0.wav"}, {"file": "1.wav"}])
    texts = ["Why is the sky blue?", "Name three rivers of Argentina.", "What is a benchmark for?"]
    write("text-generation", [{"file": f"{number}.txt", "text": text} for number, text in enumerate(texts)])
    for number in range(2):
        picture = random.integers(0, 256, (60, 80, 3), dtype=np.uint8)
        Image.fromarray(picture).save(root / "image-captioning" / f"{number}.png")
    write("image-captioning", [{"file": "0.png"}, {"file": "1.png"}])
    for number in range(2):
        copyfile(root / "image-captioning" / f"{number}.png", root / "visual-question-answering" / f"{number}.png")
    write("visual-question-answering", [{"file": "0.png", "question": "What is this?"}, {"file": "1.png"}])
    return root


def settings(name, architecture, **changes):
    kind = next(each for each in TASKS if architecture in task(each).ARCHITECTURES)
    return {
        "task": kind,
        "architecture": architecture,
        "backend": name,
        "precision": "fp32",
        "compute_precision": "f32",
        "device": "cpu",
        "duration_s": 0.5,
        "warmup_s": 0.1,
        "stop_width": None,
        "seed": 0,
        **{option: value for option, value in options(kind).items() if value is not None},
        **changes,
    }


@pytest.fixture(scope="session")
def artefact(model_folder, export_folder):
    """artefact(backend, architecture): the export that the backend loads, or the model's own folder."""

    def found(name, architecture, precision="fp32"):
        form = backend(name).FORMATS[architecture]
        model = MODELS[architecture]
        return export_folder(model, form, precision) if form else model_folder(model)

    return found


@pytest.fixture
def do(tmp_path, datasets, model_folder, artefact):
    """do(run, …): the finished process, worker.json and samples.csv of a run on two cores."""

    def done(run, start=("-m", "cotejo.worker")):
        model = model_folder(MODELS[run["architecture"]])
        job = {
            "run": run,
            "artefact": str(artefact(run["backend"], run["architecture"], run["precision"])),
            "model_folder": str(model),
            "dataset_folder": str(datasets / run["task"]),
            "threads": 2,
            "output": str(tmp_path),
        }
        (tmp_path / "job.json").write_text(json.dumps(job))
        process = subprocess.run(
            [sys.executable, *start, "--job", str(tmp_path / "job.json")],
            env=os.environ | {"PYTHONPATH": str(SCRIPTS), "OMP_NUM_THREADS": "2"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert process.returncode == 0, process.stderr
        return process, json.loads((tmp_path / "worker.json").read_text()), pd.read_csv(tmp_path / "samples.csv")

    return done


@pytest.mark.parametrize(("name", "architecture"), PAIRS)
def test_a_backend_measures_a_task(name, architecture, do):
    run = settings(name, architecture)
    _, report, samples = do(run)

    assert (report["status"], report["message"]) == ("ok", None)
    assert report["versions"]
    assert set(report["modules"]) <= {path.relative_to(SCRIPTS).as_posix() for path in run_modules(run)}
    chosen = task(run["task"])
    assert {level["level"] for level in report["levels"]} == set(chosen.LEVELS)
    for level in report["levels"]:
        rows = samples[samples["level"] == level["level"]]
        assert len(rows) == level["requests"] > 0
        assert (rows["ok"] == 1).all()
        assert level["warmup_requests"] >= 1
        assert level["duration_s"] >= run["duration_s"]
        assert (rows["sent_s"] < rows["done_s"]).all()
        assert rows["done_s"].max() == pytest.approx(level["duration_s"], abs=1e-6)
        if rows["first_token_s"].notna().any():
            assert rows["first_token_s"].between(rows["sent_s"], rows["done_s"]).all()
        found = chosen.metrics(rows, level, run)
        assert found[0].value is not None
        assert all(metric.value > 0 for metric in found if metric.value is not None)


@pytest.mark.parametrize(
    ("architecture", "precision", "compute_precision"),
    [("blip", "fp16", "f16"), ("yolo", "fp16", "f16"), ("blip", "int8", "f32")],
)
def test_onnxruntime_measures_lower_precisions(architecture, precision, compute_precision, do):
    run = settings("onnxruntime", architecture, precision=precision, compute_precision=compute_precision)
    _, report, samples = do(run)
    assert (report["status"], report["message"]) == ("ok", None)
    assert (samples["ok"] == 1).all()


@pytest.mark.parametrize(("name", "architecture"), LIGHT)
def test_the_measured_process_imports_only_what_it_measures(name, architecture, do):
    process, report, _ = do(settings(name, architecture), start=("-c", PROBE))

    assert report["status"] == "ok"
    assert process.stdout.splitlines()[-1] == "HEAVY []"


@pytest.mark.parametrize("architecture", ["llama", "whisper"])
@pytest.mark.parametrize("name", ["openvino", "openvino-genai"])
def test_openvino_computes_as_it_is_told_with_as_many_threads(name, architecture, artefact, model_folder):
    folder = model_folder(MODELS[architecture])
    for asked in ("f32", "bf16"):
        run = settings(name, architecture, compute_precision=asked)
        told = backend(name).load(run, artefact(name, architecture), folder, 1).properties()
        told = told.get("decoder", told)
        assert told["INFERENCE_NUM_THREADS"] == "1"
        assert told["ENABLE_CPU_PINNING"] == "False"
        # A CPU without bf16 computes in f32, and the record says so.
        assert told["INFERENCE_PRECISION_HINT"] == asked or asked == "bf16"


@pytest.mark.parametrize("name", ["openvino", "openvino-genai"])
def test_llama_says_what_pytorch_says(name, artefact, model_folder, datasets):
    folder = model_folder(MODELS["llama"])
    prompts = load_prompts({}, datasets / "text-generation", folder)
    engines = [
        backend(each).load(settings(each, "llama"), artefact(each, "llama"), folder, 2) for each in ("pytorch", name)
    ]

    expected, answered = ([list(engine.generate(p.tokens, 12).tokens) for p in prompts] for engine in engines)

    assert answered == expected
    assert all(len(tokens) == 12 for tokens in answered)
    assert len({tuple(tokens) for tokens in answered}) == len(prompts)


def test_whisper_hears_what_pytorch_hears(artefact, model_folder, datasets):
    folder = model_folder(MODELS["whisper"])
    clips = load_clips({}, datasets / "speech-recognition", folder)
    engines = [
        backend(name).load(settings(name, "whisper"), artefact(name, "whisper"), folder, 2)
        for name in ("openvino", "pytorch")
    ]

    answered, expected = ([engine.transcribe(engine.prepare(c.audio), 10)[:3] for c in clips] for engine in engines)

    assert answered == expected
    assert all(text and tokens and 0 < steps <= 10 for text, tokens, steps in answered)


def test_genais_whisper_hears_windows_one_by_one(artefact, model_folder, datasets):
    folder = model_folder(MODELS["whisper"])
    engine = backend("openvino-genai").load(
        settings("openvino-genai", "whisper"), artefact("openvino-genai", "whisper"), folder, 2
    )
    clip = load_clips({}, datasets / "speech-recognition", folder)[0].audio

    short, long = (engine.transcribe(engine.prepare(audio), 10) for audio in (clip, np.tile(clip, 25)))

    assert len(engine.prepare(np.tile(clip, 25))) == 2  # 37.5 s
    assert 0 < short.decode_steps <= 10
    assert 0 < long.decode_steps <= 20


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_yolo_finds_what_pytorch_finds(name, artefact, model_folder):
    folder = model_folder(MODELS["yolo"])
    image = np.random.default_rng(0).random((1, 3, 320, 320), dtype=np.float32)
    answers = []
    for each in ("pytorch", name):
        engine = backend(each).load(settings(each, "yolo"), artefact(each, "yolo"), folder, 2)
        engine.start(1, image)
        slot, inference_s = engine.completed()
        assert slot == 1
        assert inference_s > 0
        answers.append([output.copy() for output in engine.outputs(slot)])

    for expected, answered in zip(*answers, strict=True):
        assert answered.shape == expected.shape
        assert np.abs(answered - expected).max() < 2e-3 * np.abs(expected).max()


def test_an_engines_error_reaches_who_asks_for_the_outputs(artefact, model_folder):
    engine = backend("onnxruntime").load(settings("onnxruntime", "yolo"), artefact("onnxruntime", "yolo"), Path(), 2)
    engine.start(0, np.zeros((1, 3, 7, 7), np.float32))
    slot, _ = engine.completed()

    with pytest.raises(Exception, match=r"(?i)invalid dimensions"):
        engine.outputs(slot)


@pytest.mark.parametrize("changes", [{"compute_precision": "bf16"}, {"precision": "bf16", "compute_precision": "bf16"}])
def test_pytorch_computes_in_bf16_by_autocast_or_on_bf16_weights(changes, artefact, model_folder, datasets):
    folder = model_folder(MODELS["llama"])
    prompt = load_prompts({}, datasets / "text-generation", folder)[0]
    engine = backend("pytorch").load(settings("pytorch", "llama", **changes), artefact("pytorch", "llama"), folder, 2)

    assert len(engine.generate(prompt.tokens, 4).tokens) == 4
    assert engine.properties()["compute"] == "torch.bfloat16"
    assert engine.properties()["autocast"] is (changes.get("precision") is None)


def asked_of(folder, item):
    """What transformers itself makes of a pair: the inputs of its generate()."""
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
    content = [{"type": "image", "path": str(item.file)}, {"type": "text", "text": item.question}]
    return processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )


@pytest.mark.parametrize("answers", ["exact", "free"])
def test_llava_answers_as_transformers_own_generate(answers, artefact, model_folder, datasets):
    from PIL import Image
    from transformers import LlavaForConditionalGeneration

    folder = model_folder(MODELS["llava"])
    run = settings("pytorch", "llava", answers=answers)
    engine = backend("pytorch").load(run, artefact("pytorch", "llava"), folder, 2)
    model = LlavaForConditionalGeneration.from_pretrained(folder, dtype="float32", local_files_only=True).eval()
    least = {"min_new_tokens": 12} if answers == "exact" else {}

    said = []
    for pair in load_pairs(run, datasets / "visual-question-answering", folder):
        inputs = asked_of(folder, pair)
        expected = model.generate(**inputs, do_sample=False, max_new_tokens=12, **least)
        with Image.open(pair.file) as picture:
            prepared = engine.prepare(picture.convert("RGB"), pair.question)
        answered = engine.answer(prepared, 12 if answers == "exact" else 0, 12)
        assert prepared.inputs["input_ids"].tolist() == inputs["input_ids"].tolist()
        assert prepared.tokens_in == inputs["input_ids"].shape[1] > 64  # the image alone takes as many
        assert answered.tokens == expected[0, prepared.tokens_in :].tolist()
        said.append(tuple(answered.tokens))
    assert len(set(said)) == len(said) == 2


def test_an_answer_ends_at_the_models_end_token_unless_its_length_is_asked_for(artefact, model_folder, datasets):
    from PIL import Image

    folder = model_folder(MODELS["llava"])
    run = settings("pytorch", "llava")
    engine = backend("pytorch").load(run, artefact("pytorch", "llava"), folder, 2)
    pair = load_pairs(run, datasets / "visual-question-answering", folder)[0]
    with Image.open(pair.file) as picture:
        prepared = engine.prepare(picture.convert("RGB"), pair.question)
    whole = engine.answer(prepared, 8, 8).tokens
    third = whole[2]
    engine.model.generation_config.eos_token_id = third  # as if the model ended an answer with what it says third

    assert engine.answer(prepared, 0, 8).tokens == whole[: whole.index(third) + 1]
    assert len(engine.answer(prepared, 8, 8).tokens) == 8


def test_llava_goes_through_its_data_set_in_half_precision(do):
    run = settings("pytorch", "llava", precision="fp16", compute_precision="f16", new_tokens=2, passes=1)
    del run["duration_s"]
    _, report, samples = do(run)

    assert (report["status"], report["message"]) == ("ok", None)
    assert [level["ended_by"] for level in report["levels"]] == ["passes"]
    assert sorted(samples["item"]) == ["0.png", "1.png"]
    assert (samples["preparation_ms"] > 0).all() and (samples["tokens_out"] == 2).all()


@pytest.mark.parametrize("architecture", ["llama", "llava"])
def test_a_real_model_is_loaded_by_the_plan_for_two_gpus(architecture, model_folder):
    """Every module of the plan is on the CPU here, which is all that there is."""
    from accelerate.utils import check_device_map

    from cotejo.models import architecture as module

    folder = model_folder(MODELS[architecture])
    skeleton = module(architecture).skeleton(folder, "float32")
    assert all(parameter.is_meta for parameter in skeleton.parameters())
    plan = division.by_layers(skeleton, "1,3", range(2))
    assert set(plan.values()) == {0, 1}
    check_device_map(skeleton, plan)  # refuses one that leaves a module out

    whole, planned = (module(architecture).load(folder, "float32", each) for each in (None, dict.fromkeys(plan, "cpu")))

    expected = dict(whole.named_parameters())
    assert all((values == expected[name]).all() for name, values in planned.named_parameters())


@pytest.mark.parametrize("architecture", ["blip", "llava"])
def test_a_run_on_a_gpu_that_is_not_there_is_a_failure_with_its_reason(architecture, do, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    _, report, samples = do(settings("pytorch", architecture, device="cuda", accelerators=1, split=None))

    assert (report["status"], report["reason"], report["levels"]) == ("failed", "device-missing", [])
    assert report["message"].startswith("no CUDA device here: ")
    assert report["load_s"] is None and samples.empty
