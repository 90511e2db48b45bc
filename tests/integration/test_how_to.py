"""docs/how-to/: one file and one line of each page, in a copy of the checkout, are all that it takes."""

import json
import re
import shutil
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from how_to import Copy
from summary_example import failed, measured, summary

from cotejo.command import ROOT
from cotejo.record import read

NAMES = ["add-a-backend.md", "add-a-server.md", "add-a-client.md", "add-a-figure.md"]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    return Copy(tmp_path_factory.mktemp("how-to") / "checkout", *NAMES)


@pytest.fixture
def film(tmp_path):
    """A data set of a second's film of noise."""
    import av

    folder = tmp_path / "film"
    folder.mkdir()
    random = np.random.default_rng(0)
    with av.open(str(folder / "film.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = 192, 128
        for _ in range(12):
            picture = random.integers(0, 256, (128, 192, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    (folder / "dataset.json").write_text(json.dumps({"kind": "video", "items": [{"file": "film.mp4"}]}))
    return folder


@pytest.mark.beside
def test_the_backend_computes_what_onnx_runtime_computes_and_is_measured(
    copy, tmp_path, film, model_folder, export_folder
):
    model, export = model_folder("yolov8n-seg"), export_folder("yolov8n-seg", "onnx", "fp32")
    (run,) = (run for run in copy.runs("opencv") if run["backend"] == "opencv")
    alike = """
import json, sys
from pathlib import Path
import numpy as np
from cotejo.backends import backend
run, export, model = json.loads(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
engines = [backend(name).load({**run, "backend": name}, export, model, 2) for name in ("opencv", "onnxruntime")]
image = np.random.default_rng(0).random((1, 3, *[engines[0].image_size] * 2), dtype=np.float32)
for ours, theirs in zip(*(engine.infer(image) for engine in engines), strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3 * abs(theirs).max())
"""
    copy.python("-c", alike, json.dumps(run), str(export), str(model))

    job = {"run": {**run, "duration_s": 0.5, "warmup_s": 0.1}, "artefact": str(export), "model_folder": str(model),
           "dataset_folder": str(film), "threads": 2, "output": str(tmp_path)}  # fmt: skip
    (tmp_path / "job.json").write_text(json.dumps(job))
    copy.python("-m", "cotejo.worker", "--job", str(tmp_path / "job.json"))
    report = json.loads((tmp_path / "worker.json").read_text())
    assert (report["status"], report["message"]) == ("ok", None)
    assert report["versions"]["opencv-python-headless"] and report["runtime"]["num_threads"] == 2
    assert (pd.read_csv(tmp_path / "samples.csv")["ok"] == 1).all()


def test_the_server_is_launched_answers_as_pytorch_and_is_measured_by_the_client(copy, tmp_path, model_folder):
    if shutil.which("wrk") is None:
        pytest.skip("wrk is missing: apt-get install wrk")
    data = tmp_path / "prompts"
    copy.command("prepare_dataset", "--datasets", "config/datasets.yaml", "--dataset", "prompts", "--output", data)
    (served,) = (run for run in copy.runs("plain-http") if run["server"] == "plain-http")
    (asked,) = (run for run in copy.runs("wrk") if run["client"] == "wrk")
    run = {**served, "client": asked["client"], "concurrency": asked["concurrency"], "duration_s": 4, "new_tokens": 2}
    told = ["--run", json.dumps(run), "--model-folder", model_folder("tinyllama-1.1b-chat"), "--dataset-folder", data]
    told += ["--prepared", tmp_path / "prepared"]
    launch, record = tmp_path / "launch.json", tmp_path / "r1.json"

    copy.command("prepare_server", *told, "--command-file", tmp_path / "launch.sh")
    copy.command("launch_server", *told, "--bound", 0.01, "--output", launch, "--log", tmp_path / "log")
    launched = json.loads(launch.read_text())
    assert (launched["status"], launched["message"]) == ("ok", None)

    told += ["--repeat", 1, "--launch", launch, "--output", record]
    copy.command("measure_server", *told, "--log", tmp_path / "r1.log")
    measured = read(record)
    assert (measured["status"], measured["message"]) == ("ok", None)
    (level,) = measured["levels"]
    assert level["requests"] > level["failed_requests"] == 0
    assert level["server"]["requests"] >= level["requests"]
    assert level["reported"]["latency_p50_ms"] > 0
    assert measured["client"]["calibration"]["closed_rps"] > level["reported"]["requests_per_s"]


@pytest.mark.beside
def test_the_figure_is_drawn_and_tells_every_repeat(copy, tmp_path):
    values = [10.0, 11.0, 12.0, 14.0, 15.0, 30.0]
    rows = [measured(values), measured(values[:3], backend="pytorch", verdict="publishable"), failed(precision="int4")]
    summary(*rows).to_csv(tmp_path / "summary.csv", index=False)
    entry = {"kind": "repeats", "name": "spread", "metric": "tokens_per_s", "by": ["backend", "precision"]}
    drawn = [tmp_path / f"spread.{ending}" for ending in ("svg", "png")]
    copy.command(
        "plot_figure", "--summary", tmp_path / "summary.csv", "--figure", json.dumps(entry), "--output", *drawn
    )
    titles = [title.text for title in ElementTree.parse(drawn[0]).iter("{http://www.w3.org/2000/svg}title")]
    told = [re.search(r"repeat (\d): ([\d.]+) tokens/s", title) for title in titles]
    assert sorted(float(match[2]) for match in told if match) == sorted(values + values[:3])
    assert any("failed: parity" in title for title in titles)
    assert drawn[1].stat().st_size > 1000


@pytest.mark.beside
def test_the_examples_are_written_as_the_rest_is(copy):
    for command in ("check", "format --check"):
        copy.python("-m", "ruff", *command.split(), "--config", str(ROOT / "pyproject.toml"), *copy.files)


@pytest.mark.beside
def test_config_readme_names_all_of_them(copy):
    """`make docs` in the copy: the page has a line for each, and their figures' options."""
    copy.command("document_config")
    page = (copy.folder / "config" / "README.md").read_text(encoding="utf-8")
    assert "\n| `plain-http` |" in page and "\n| `wrk` |" in page and "\n#### `repeats`\n" in page
